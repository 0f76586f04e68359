/*
 * What a provisioning costs when only its mathematics is done, and its certificate is on disk: see floor.h.
 *
 *   bench_floor table               microseconds of CPU time of each operation for each pair of keys, and their sums
 *   bench_floor sum EK IK           the sum of a pair, measured for each byte of the standard input
 *   bench_floor count EK IK ROUNDS  each operation so many times, counted by valgrind (tools/instructions)
 */
#include "floor.h"
#include "instrument.h"

#include <string.h>
#include <time.h>

#define CYCLES 15 /* over all operations: their median counts, and what disturbs the machine disturbs all of them */
#define ROUNDS 24 /* of an operation in a cycle */

typedef struct {
    const char *title;
    void (*once)(floor_pair *pair); /* NULL: the handshake, in which the client's part is not counted */
    double parts;                   /* devices that one round is for */
    bool variant;                   /* in place of the row above, and not in the first sum */
} operation;

static const operation operations[] = {
    {"TLS 1.3 handshake, the server's side", NULL, 1, false},
    {"the CSR's signature, its key made", floor_csr_verify, 1, false},
    {"the EK certificate's signature", floor_ekc_verify, 1, false},
    {"  the same by a vendor's RSA-2048 key", floor_ekc_verify_rsa, 1, true},
    {"the credential, its key made", floor_credential_make, 1, false},
    {"the certificate's signature", floor_certificate_sign, 1, false},
    {"two HMACs, the hashes of the parameters", floor_hash_all, 1, false},
    {"a row on disk, in a group of 64", floor_row_write, FLOOR_GROUP, false},
};
#define COUNT (sizeof(operations) / sizeof(operations[0]))
#define EKC 2 /* the row whose variant follows it */

static const struct {
    const char *ek;
    const char *ik;
} pairs[] = {{"rsa2048", "rsa2048"}, {"rsa2048", "ecc256"}, {"ecc256", "ecc256"}};
#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

/* CPU time in microseconds. */
static double now(void)
{
    struct timespec time;

    FLOOR_MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double shake_hands(floor_pair *pair)
{
    double spent = 0;
    bool done = false;

    while (!done) {
        double from;

        floor_tls_meet(&pair->tls);
        from = now();
        done = floor_tls_serve(&pair->tls);
        spent += now() - from;
    }
    return spent;
}

/* Microseconds of one device's share of an operation. */
static double measure(const operation *what, floor_pair *pair, unsigned rounds)
{
    double from = now();
    double spent = 0;

    if (what->once == floor_row_write)
        rounds = (rounds + FLOOR_GROUP - 1) / FLOOR_GROUP;
    for (unsigned i = 0; i < rounds; i++) {
        if (what->once == NULL)
            spent += shake_hands(pair);
        else
            what->once(pair);
    }
    if (what->once != NULL)
        spent = now() - from;
    return spent / rounds / what->parts;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void init(floor_pair *pair, const char *ek, const char *ik, unsigned warm)
{
    floor_pair_init(pair, strcmp(ek, "rsa2048") == 0 ? BM_EK_L1 : BM_EK_L2, bm_pubkey_type_by_name(bm_bytes_str(ik)));
    for (size_t i = 0; i < COUNT; i++)
        (void)measure(&operations[i], pair, warm);
}

/* The medians of every operation, for some pairs that take turns: so that what drifts drifts for all. */
static void run(floor_pair *pair, size_t number, double medians[][COUNT])
{
    double times[PAIRS][COUNT][CYCLES];

    for (size_t cycle = 0; cycle < CYCLES; cycle++)
        for (size_t at = 0; at < number; at++)
            for (size_t i = 0; i < COUNT; i++)
                times[at][i][cycle] = measure(&operations[i], &pair[at], ROUNDS);
    for (size_t at = 0; at < number; at++)
        for (size_t i = 0; i < COUNT; i++) {
            qsort(times[at][i], CYCLES, sizeof(double), compare);
            medians[at][i] = times[at][i][CYCLES / 2];
        }
}

static double sum(const double medians[COUNT])
{
    double all = 0;

    for (size_t i = 0; i < COUNT; i++)
        all += operations[i].variant ? 0 : medians[i];
    return all;
}

static void print_row(const char *title, const double values[PAIRS])
{
    (void)printf("%-42s", title);
    for (size_t i = 0; i < PAIRS; i++)
        (void)printf(" %15.1f", values[i]);
    (void)printf("\n");
}

static int table(void)
{
    double medians[PAIRS][COUNT], row[PAIRS];
    floor_pair pair[PAIRS];

    (void)printf("%-42s", "The floor: us of CPU time a device");
    for (size_t i = 0; i < PAIRS; i++) {
        init(&pair[i], pairs[i].ek, pairs[i].ik, ROUNDS);
        (void)printf(" %*s+%s", 14 - (int)strlen(pairs[i].ik), pairs[i].ek, pairs[i].ik);
    }
    run(pair, PAIRS, medians);
    (void)printf("\n");
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < PAIRS; j++)
            row[j] = medians[j][i];
        print_row(operations[i].title, row);
    }
    for (size_t j = 0; j < PAIRS; j++)
        row[j] = sum(medians[j]);
    print_row("sum", row);
    for (size_t j = 0; j < PAIRS; j++)
        row[j] += medians[j][EKC + 1] - medians[j][EKC];
    print_row("sum with the vendor's RSA-2048 key", row);
    for (size_t i = 0; i < PAIRS; i++)
        floor_pair_fini(&pair[i]);
    return 0;
}

/* One sum for each time that it is asked for: whoever compares asks before and after what he compares with. */
static int sums(const char *ek, const char *ik)
{
    double medians[1][COUNT];
    floor_pair pair;

    init(&pair, ek, ik, ROUNDS);
    while (getchar() != EOF) {
        run(&pair, 1, medians);
        (void)printf("%.1f\n", sum(medians[0]));
        (void)fflush(stdout);
    }
    floor_pair_fini(&pair);
    return 0;
}

static int count(const char *ek, const char *ik, unsigned rounds)
{
    floor_pair pair;

    init(&pair, ek, ik, 2);
    INSTRUMENT_BEGIN();
    for (size_t i = 0; i < COUNT; i++)
        (void)measure(&operations[i], &pair, rounds);
    INSTRUMENT_END();
    floor_pair_fini(&pair);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "table") == 0)
        return table();
    if (argc == 5 && strcmp(argv[1], "count") == 0)
        return count(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "sum") == 0)
        return sums(argv[2], argv[3]);
    (void)fprintf(stderr, "usage: bench_floor table | sum EK IK | count EK IK ROUNDS\n");
    return 2;
}
