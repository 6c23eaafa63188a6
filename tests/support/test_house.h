/* test_house.h - a house for tests: empty store (SQLite, or PostgreSQL under KONTOR_TEST_PG), a vault in a thread of
 * this process with cheap Argon2id, an organisation. Every failure fails the test.
 *
 *	struct test_house h;
 *	test_house_new(&h, migrations, n);  ... h.store, h.org, h.vault ...  test_house_free(&h);
 *
 * The first domain is example.org, the administrator admin@example.org (password TEST_PASSWORD). Not good for:
 * two houses at once on PostgreSQL (the schema is emptied). */
#pragma once
#include <pthread.h>
#include "domain/org/org.h"
#include "store/test_support.h"

#define TEST_PASSWORD "correct horse"

struct test_house {
	struct place place;
	struct store *store;
	struct vault_client *vault;
	struct org *org;
	char socket[96];
	int vault_dirfd, listen_fd, stop[2];
	pthread_t thread;
};
void test_house_new(struct test_house *h, const struct migration *list, size_t n);
void test_house_free(struct test_house *h);
void test_house_seal(struct test_house *h);   /* vault sealed, keys forgotten */
void test_house_unseal(struct test_house *h);
/* A person with TEST_PASSWORD. */
uint64_t test_person(struct test_house *h, const char *address, const char *name);
