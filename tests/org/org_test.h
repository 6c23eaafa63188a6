/* org_test.h - one house per group of tests, and a scenario in one transaction per test. */
#pragma once
#include "base/time.h"
#include "domain/org/address.h"
#include "domain/org/auth.h"
#include "domain/org/org_schema.h"
#include "domain/org/role.h"
#include "support/play.h"

static int start(void **state)
{
	static const struct migration list[] = { { "0001_org", org_schema_1 }, { "0004_dkim", org_schema_dkim } };

	(void)state;
	test_house_new(&h, list, 2);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_house_free(&h);
	return 0;
}
