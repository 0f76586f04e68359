#include "race.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define RUNNERS 2
#define RECONNECT 5 /* tries over one pair of connections: then another pair of server processes may get them */

typedef struct {
    atk_server server;
    atk_tpm tpm;
    atk_reply reply;
    pthread_barrier_t *line;
} runner;

static void *claim(void *context)
{
    runner *r = context;

    (void)pthread_barrier_wait(r->line);
    atk_guard_certificate(&r->server, &r->tpm, &r->reply);
    return NULL;
}

/* Every other time the second writes the name in other case: that is the same name. */
static void name(const atk_world *world, unsigned try, bool second, char identity[ATK_NAME_MAX])
{
    (void)snprintf(identity, ATK_NAME_MAX, "race-%s-%u", world->tag, try);
    for (char *at = identity; second && try % 2 == 1 && *at != 0; at++)
        *at = (char)toupper((unsigned char)*at);
}

static bool prepare(const atk_world *world, unsigned try, runner *r, bool second)
{
    char identity[ATK_NAME_MAX];

    atk_tpm_fini(&r->tpm);
    r->tpm = (atk_tpm){.chain_count = 0};
    name(world, try, second, identity);
    atk_guard_tpm(&world->discrete, "runner", identity, "L-2", NULL, "ecc256", &r->tpm);
    if (try % RECONNECT == 0)
        atk_server_again(&r->server);
    atk_guard_challenge(&r->server, &r->tpm, &r->reply);
    return strcmp(r->reply.code, "ok") == 0 && atk_tpm_open(&r->tpm, &r->tpm);
}

static bool race(const atk_world *world, unsigned try, runner runners[RUNNERS])
{
    pthread_t threads[RUNNERS];
    int winners = 0;
    int losers = 0;

    for (size_t i = 0; i < RUNNERS; i++)
        if (!prepare(world, try, &runners[i], i == 1)) {
            (void)printf("FAILED race: try %u: getChallenge: %s\n", try, runners[i].reply.code);
            return false;
        }
    for (size_t i = 0; i < RUNNERS; i++)
        atk_true(pthread_create(&threads[i], NULL, claim, &runners[i]) == 0, "a thread");
    for (size_t i = 0; i < RUNNERS; i++)
        atk_true(pthread_join(threads[i], NULL) == 0, "a thread");
    for (size_t i = 0; i < RUNNERS; i++) {
        winners += strcmp(runners[i].reply.code, "ok") == 0;
        losers += strcmp(runners[i].reply.code, "identity-taken") == 0;
    }
    if (winners != 1 || losers != 1)
        (void)printf("FAILED race: try %u: %s and %s, and had to be one ok and one identity-taken\n", try, runners[0].reply.code,
                     runners[1].reply.code);
    return winners == 1 && losers == 1;
}

bool atk_race_run(atk_world *world, unsigned tries)
{
    runner runners[RUNNERS] = {{.line = NULL}};
    pthread_barrier_t line;
    bool good = true;

    atk_true(pthread_barrier_init(&line, NULL, RUNNERS) == 0, "a barrier");
    for (size_t i = 0; i < RUNNERS; i++) {
        atk_server_open(&runners[i].server, world->server.url, world->server.ca);
        runners[i].line = &line;
    }
    for (unsigned try = 0; good && try < tries; try++)
        good = race(world, try, runners);
    for (size_t i = 0; i < RUNNERS; i++) {
        atk_server_close(&runners[i].server);
        atk_tpm_fini(&runners[i].tpm);
        atk_reply_fini(&runners[i].reply);
    }
    (void)pthread_barrier_destroy(&line);
    if (good)
        (void)printf("%u tries, each with one winner\n", tries);
    return good;
}
