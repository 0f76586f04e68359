/*
 * Attacks on a server that speaks the Birthmark protocol; see README.md.
 *
 *   attacker pki DIR                       make the vendors' CAs, once
 *   attacker run --url URL --pki DIR [--ca FILE] [--other-url URL [--other-ca FILE]] [--operator PROGRAM] CASE...
 *   attacker race --url URL --pki DIR [--ca FILE] [--tries N]
 */
#include "case.h"
#include "race.h"

#include "crypto/random.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TRIES 200

typedef struct {
    const char *url;
    const char *ca;
    const char *other_url;
    const char *other_ca;
    const char *operate;
    const char *pki;
    unsigned tries;
} options;

static void usage(void)
{
    (void)fprintf(stderr, "usage: attacker pki DIR\n"
                          "       attacker run --url URL --pki DIR [--ca FILE] [--other-url URL [--other-ca FILE]] [--operator PROGRAM] CASE...\n"
                          "       attacker race --url URL --pki DIR [--ca FILE] [--tries N]\n");
    exit(2);
}

static void open_vendors(const char *folder, atk_ca *discrete, atk_ca *virtual_vendor)
{
    (void)mkdir(folder, 0700);
    atk_ca_open(folder, "discrete", discrete);
    atk_ca_open(folder, "virtual", virtual_vendor);
}

static int make_pki(const char *folder)
{
    atk_ca discrete = {.key = NULL};
    atk_ca virtual_vendor = {.key = NULL};

    open_vendors(folder, &discrete, &virtual_vendor);
    atk_ca_fini(&discrete);
    atk_ca_fini(&virtual_vendor);
    return 0;
}

static void read_options(int argc, char **argv, options *to)
{
    static const struct option known[] = {{"url", required_argument, NULL, 'u'},       {"ca", required_argument, NULL, 'c'},
                                          {"other-url", required_argument, NULL, 'U'}, {"other-ca", required_argument, NULL, 'C'},
                                          {"operator", required_argument, NULL, 'o'},  {"pki", required_argument, NULL, 'p'},
                                          {"tries", required_argument, NULL, 't'},     {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'u': to->url = optarg; break;
        case 'c': to->ca = optarg; break;
        case 'U': to->other_url = optarg; break;
        case 'C': to->other_ca = optarg; break;
        case 'o': to->operate = optarg; break;
        case 'p': to->pki = optarg; break;
        case 't': to->tries = (unsigned)strtoul(optarg, NULL, 10); break;
        default: usage();
        }
    }
    if (to->url == NULL || to->pki == NULL)
        usage();
}

static void world_begin(const options *from, atk_world *world)
{
    uint8_t random[3];

    atk_need(bm_random(random, sizeof(random)), "a tag");
    (void)snprintf(world->tag, sizeof(world->tag), "%lx%02x%02x%02x", (unsigned long)time(NULL), random[0], random[1], random[2]);
    world->operate = from->operate;
    world->folder = from->pki;
    atk_server_open(&world->server, from->url, from->ca);
    if (from->other_url != NULL)
        atk_server_open(&world->other, from->other_url, from->other_ca);
    open_vendors(from->pki, &world->discrete, &world->virtual_vendor);
    atk_guard_begin(world);
}

static void world_end(atk_world *world)
{
    atk_guard_end(world);
    atk_server_close(&world->server);
    if (world->other.url != NULL)
        atk_server_close(&world->other);
}

static int run(atk_world *world, char **cases, int count)
{
    int outcomes[ATK_SKIPPED + 1] = {0};

    for (int i = 0; i < count; i++) {
        outcomes[atk_case_run(world, cases[i], (unsigned)i + 1)]++;
        (void)fflush(stdout);
    }
    (void)printf("%d cases, %d refused as they should", count, outcomes[ATK_REFUSED]);
    if (outcomes[ATK_SKIPPED] > 0)
        (void)printf(", %d skipped", outcomes[ATK_SKIPPED]);
    if (outcomes[ATK_FAILED] > 0)
        (void)printf(", %d NOT", outcomes[ATK_FAILED]);
    (void)printf("\n");
    return outcomes[ATK_FAILED] > 0 || outcomes[ATK_REFUSED] == 0;
}

int main(int argc, char **argv)
{
    options given = {.tries = TRIES};
    atk_world world = {.known = false};
    int status;

    if (argc == 3 && strcmp(argv[1], "pki") == 0)
        return make_pki(argv[2]);
    if (argc < 2 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "race") != 0))
        usage();
    read_options(argc - 1, argv + 1, &given);
    atk_true(curl_global_init(CURL_GLOBAL_SSL) == CURLE_OK, "libcurl");
    world_begin(&given, &world);
    if (strcmp(argv[1], "race") == 0)
        status = !atk_race_run(&world, given.tries);
    else
        status = run(&world, argv + 1 + optind, argc - 1 - optind);
    world_end(&world);
    curl_global_cleanup();
    return status;
}
