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
	static const struct migration list[] = {
#define TABLES_org(name, text) { name, text },
#define TABLES_mail(name, text)
#define MIGRATION(name, domain, text) TABLES_##domain(name, text)
#include "core/migrations.def"
	};

	(void)state;
	test_house_new(&h, list, sizeof(list) / sizeof(*list));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_house_free(&h);
	return 0;
}
