/*
 * A swarm of devices in software, and the one who kills the server's processes under them.
 *
 *   swarm vendor KEY.pem CERT.pem              make a TPM vendor's CA
 *   swarm storm [options]                      provision until so many processes of birthmarkd were killed; see the options
 *   swarm try URL CA KEY CERT SERIAL HELD [wait]   one new device, each call once (`wait`: for the end of the standard input between them);
 *                                              says how each ended, and exits 1 unless it got its certificate
 *   swarm check DATABASE HELD...               is every certificate in these files in the database, and is that whole?
 */
#include "swarm_check.h"
#include "swarm_device.h"
#include "swarm_kill.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVERS_MAX 4
#define WORKERS_MAX 32
#define KEPT 4          /* devices of a worker that come again */
#define CONTESTED 40    /* identities that devices of several workers claim */
#define SHARE 3         /* kills for each provisioning, where there is time */
#define MOMENT_US 5000
#define MOMENTS_MAX 60
#define PATIENCE_S 60   /* so long a device tries one call */

typedef struct {
    const char *urls[SERVERS_MAX];
    pid_t monitors[SERVERS_MAX];
    size_t url_count;
    size_t monitor_count;
    const char *ca;
    const char *key;
    const char *certificate;
    const char *held; /* worker N writes what it holds to HELD.N */
    unsigned kills;
    unsigned pause_ms; /* between two kills, on average */
    unsigned workers;
    unsigned long seed;
} storm_options;

/* What the workers and their parent share. */
typedef struct {
    atomic_bool stop;
    atomic_uint provisioned;
    atomic_uint repeated; /* the same getCertificate again, and the same certificate */
    atomic_uint refused;  /* a contested identity that another has */
    atomic_uint again;    /* calls that had to be made again */
} storm_count;

typedef struct {
    const storm_options *options;
    storm_count *count;
    make_vendor vendor;
    CURL *client;
    unsigned number;
    unsigned made;
    uint64_t random;
    int held;
    swarm_device kept[KEPT];
    unsigned kept_count;
} worker;

static _Noreturn void broken(const worker *self, const char *what, const char *why)
{
    (void)fprintf(stderr, "swarm: device of worker %u: %s: %s\n", self->number, what, why);
    _exit(1);
}

static const char *some_url(worker *self)
{
    return self->options->urls[swarm_below(&self->random, (uint32_t)self->options->url_count)];
}

/* One call until it is answered; a device waits a moment between two tries. */
static swarm_end call(worker *self, swarm_device *device, bm_buf *der, swarm_reply *reply)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    time_t until = time(NULL) + PATIENCE_S;

    for (;;) {
        const char *url = some_url(self);
        swarm_end end = der == NULL ? swarm_challenge(self->client, url, device, reply)
                                    : swarm_certificate(self->client, url, device, der, reply);

        if (end == SWARM_WRONG)
            broken(self, "a reply that is none", reply->error);
        if (end != SWARM_AGAIN)
            return end;
        atomic_fetch_add(&self->count->again, 1);
        if (time(NULL) > until)
            broken(self, "no answer", reply->error);
        (void)nanosleep(&moment, NULL);
    }
}

/* The reply was lost, for all the device knows: it asks again, and must get what it has. */
static void repeat(worker *self, swarm_device *device, bm_bytes der)
{
    BM_AUTO_BUF second = BM_BUF_EMPTY;
    swarm_reply reply;

    if (call(self, device, &second, &reply) != SWARM_DONE)
        broken(self, "the same call again", reply.error);
    if (!bm_bytes_equal(der, bm_buf_view(&second)))
        broken(self, "the same call again", "another certificate");
    atomic_fetch_add(&self->count->repeated, 1);
}

/* The whole exchange; false when a contested identity is another's. */
static bool provision(worker *self, swarm_device *device, bool contested)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    swarm_reply reply;

    if (call(self, device, NULL, &reply) != SWARM_DONE || call(self, device, &der, &reply) != SWARM_DONE) {
        if (!contested || strcmp(reply.problem.code, "identity-taken") != 0)
            broken(self, "refused", reply.error);
        atomic_fetch_add(&self->count->refused, 1);
        return false;
    }
    if (swarm_held(self->held, bm_buf_view(&der)).code != BM_OK)
        broken(self, "its certificate", "cannot be kept");
    atomic_fetch_add(&self->count->provisioned, 1);
    if (swarm_below(&self->random, 4) == 0)
        repeat(self, device, bm_buf_view(&der));
    return true;
}

/* A new device, or one that comes again for a certificate more. */
static void one_device(worker *self)
{
    unsigned draw = swarm_below(&self->random, 8);
    bool contested = draw == 0;
    swarm_device device;
    char serial[64];

    if (draw >= 6 && self->kept_count > 0) {
        (void)provision(self, &self->kept[swarm_below(&self->random, self->kept_count)], false);
        return;
    }
    if (contested)
        (void)snprintf(serial, sizeof(serial), "CONTESTED-%u", swarm_below(&self->random, CONTESTED));
    else
        (void)snprintf(serial, sizeof(serial), "SWARM-%u-%u", self->number, self->made++);
    swarm_device_init(&device, &self->vendor, BM_EK_L2, BM_KEY_ECC256, serial);
    if (provision(self, &device, contested) && self->kept_count < KEPT)
        self->kept[self->kept_count++] = device;
    else
        swarm_device_fini(&device);
}

static _Noreturn void work(const storm_options *options, storm_count *count, unsigned number, pid_t parent)
{
    worker self = {.options = options, .count = count, .number = number, .random = options->seed * 1000 + number};
    char path[512];

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    (void)snprintf(path, sizeof(path), "%s.%u", options->held, number);
    self.held = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (self.held < 0)
        broken(&self, path, strerror(errno));
    self.client = swarm_client(options->ca);
    swarm_read_vendor(options->key, options->certificate, &self.vendor);
    while (!atomic_load(&count->stop))
        one_device(&self);
    _exit(0);
}

/* Has a worker ended, as none may before it is told to? */
static bool one_failed(void)
{
    siginfo_t info = {0};

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

static void pause_for(uint32_t microseconds)
{
    const struct timespec wait = {.tv_sec = microseconds / 1000000, .tv_nsec = (long)(microseconds % 1000000) * 1000};

    (void)nanosleep(&wait, NULL);
}

/* A random moment; where the machine is so slow that nearly nothing is provisioned between the kills, a later one. */
static void await_moment(const storm_options *options, const storm_count *count, unsigned done, uint64_t *random)
{
    for (unsigned i = 0; i < MOMENTS_MAX && SHARE * atomic_load(&count->provisioned) < done; i++)
        pause_for(MOMENT_US);
    pause_for(swarm_below(random, 2 * options->pause_ms * 1000 + 1));
}

/* Kills until there were enough; false when a worker failed. */
static bool kill_all(const storm_options *options, const storm_count *count, swarm_killed *killed)
{
    uint64_t random = options->seed;

    for (unsigned done = 0; done < options->kills;) {
        await_moment(options, count, done, &random);
        if (one_failed())
            return false;
        done += swarm_kill_one(options->monitors[swarm_below(&random, (uint32_t)options->monitor_count)], &random, killed);
    }
    return true;
}

static bool await_workers(const pid_t *pids, unsigned workers)
{
    bool good = true;

    for (unsigned i = 0; i < workers; i++) {
        int status = 0;

        good = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && good;
    }
    return good;
}

static int storm(const storm_options *options)
{
    storm_count *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    swarm_killed killed = {0};
    pid_t parent = getpid();
    pid_t pids[WORKERS_MAX];
    bool good;

    if (count == MAP_FAILED)
        return 1;
    (void)printf("seed %lu\n", options->seed);
    (void)fflush(stdout);
    for (unsigned i = 0; i < options->workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            work(options, count, i, parent);
        if (pids[i] < 0)
            return 1; /* those that run end with us */
    }
    good = kill_all(options, count, &killed);
    atomic_store(&count->stop, true);
    good = await_workers(pids, options->workers) && good;
    (void)printf("kills %u: server %u, ledger %u, keeper %u, starting %u; provisioned %u, repeated %u, refused %u, calls made again %u\n",
                 killed.server + killed.ledger + killed.keeper + killed.starting, killed.server, killed.ledger, killed.keeper,
                 killed.starting, atomic_load(&count->provisioned), atomic_load(&count->repeated), atomic_load(&count->refused),
                 atomic_load(&count->again));
    return good ? 0 : 1;
}

/* Says how a call ended; true when it was done. */
static bool tell(const char *call_name, swarm_end end, const swarm_reply *reply)
{
    (void)printf("%s: %s\n", call_name, end == SWARM_DONE ? "ok" : reply->error);
    if (end != SWARM_DONE && reply->problem.detail[0] != 0)
        (void)printf("detail: %s\n", reply->problem.detail);
    (void)fflush(stdout);
    return end == SWARM_DONE;
}

/* One device, which tries each call once. */
static int try_once(char **argv, bool waits)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    CURL *client = swarm_client(argv[3]);
    make_vendor vendor;
    swarm_device device;
    swarm_reply reply;
    int held = open(argv[7], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool good;

    swarm_read_vendor(argv[4], argv[5], &vendor);
    swarm_device_init(&device, &vendor, BM_EK_L2, BM_KEY_ECC256, argv[6]);
    good = tell("getChallenge", swarm_challenge(client, argv[2], &device, &reply), &reply);
    while (good && waits && getchar() != EOF)
        continue;
    good = good && tell("getCertificate", swarm_certificate(client, argv[2], &device, &der, &reply), &reply) &&
           swarm_held(held, bm_buf_view(&der)).code == BM_OK;
    swarm_device_fini(&device);
    curl_easy_cleanup(client);
    X509_free(vendor.certificate);
    EVP_PKEY_free(vendor.key);
    return good ? 0 : 1;
}

static unsigned number_of(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static bool set(int option, storm_options *options)
{
    switch (option) {
    case 'u':
        return options->url_count < SERVERS_MAX && (options->urls[options->url_count++] = optarg) != NULL;
    case 'm':
        return options->monitor_count < SERVERS_MAX && (options->monitors[options->monitor_count++] = (pid_t)number_of(optarg)) > 1;
    case 'a':
        return (options->ca = optarg) != NULL;
    case 'k':
        return (options->key = optarg) != NULL;
    case 'c':
        return (options->certificate = optarg) != NULL;
    case 'h':
        return (options->held = optarg) != NULL;
    case 'n':
        return (options->kills = number_of(optarg)) > 0;
    case 'p':
        return (options->pause_ms = number_of(optarg)) < 10000;
    case 'w':
        return (options->workers = number_of(optarg)) > 0 && options->workers <= WORKERS_MAX;
    case 's':
        return (options->seed = number_of(optarg)) > 0;
    default:
        return false;
    }
}

static bool parse(int argc, char **argv, storm_options *options)
{
    static const struct option names[] = {
        {"url", required_argument, NULL, 'u'},     {"monitor", required_argument, NULL, 'm'}, {"ca", required_argument, NULL, 'a'},
        {"key", required_argument, NULL, 'k'},     {"cert", required_argument, NULL, 'c'},    {"held", required_argument, NULL, 'h'},
        {"kills", required_argument, NULL, 'n'},   {"pause", required_argument, NULL, 'p'},   {"workers", required_argument, NULL, 'w'},
        {"seed", required_argument, NULL, 's'},    {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (!set(option, options))
            return false;
    return options->url_count > 0 && options->monitor_count > 0 && options->ca != NULL && options->key != NULL &&
           options->certificate != NULL && options->held != NULL;
}

int main(int argc, char **argv)
{
    storm_options options = {.kills = 100, .pause_ms = 30, .workers = 4, .seed = (unsigned long)time(NULL)};

    if (argc == 4 && strcmp(argv[1], "vendor") == 0)
        return swarm_write_vendor(argv[2], argv[3]) ? 0 : 1;
    if ((argc == 8 || (argc == 9 && strcmp(argv[8], "wait") == 0)) && strcmp(argv[1], "try") == 0)
        return try_once(argv, argc == 9);
    if (argc >= 3 && strcmp(argv[1], "check") == 0) {
        bm_result result = swarm_check(argv[2], argv + 3, argc - 3);

        if (result.code != BM_OK)
            (void)fprintf(stderr, "swarm: %s\n", result.detail != NULL ? result.detail : bm_code_name(result.code));
        return result.code == BM_OK ? 0 : 1;
    }
    if (argc >= 3 && strcmp(argv[1], "storm") == 0 && parse(argc - 1, argv + 1, &options))
        return storm(&options);
    (void)fprintf(stderr, "usage: swarm vendor KEY CERT | check DATABASE HELD... |\n"
                          "       swarm try URL CA KEY CERT SERIAL HELD [wait] |\n"
                          "       swarm storm --url URL... --monitor PID... --ca FILE --key FILE --cert FILE --held PREFIX\n"
                          "                   [--kills N] [--pause MS] [--workers N] [--seed N]\n");
    return 2;
}
