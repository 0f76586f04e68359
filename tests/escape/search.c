/*
 * birthmark-search STATE PASSPHRASE-FILE PID...: which secrets of a CA lie in the memory of these processes, in whatever form: a line for each,
 * "PID [passphrase] [ca-key] [ticket-key] [tls-key]". Only root may. The keys must be P-256.
 */
#include "crypto/cipher.h"
#include "keys/keys.h"
#include "store/state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP ((size_t)1 << 20)
#define OVERLAP 2048
/* What is larger is the bookkeeping of a sanitizer. */
#define AREA_MAX ((uint64_t)1 << 30)
#define FORMS 8
#define SCALAR 32

typedef struct {
    const char *name;
    uint8_t bytes[1024];
    size_t size;
    bool found;
} secret;

static secret secrets[FORMS];
static size_t secret_count;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(2);
}

static void add(const char *name, bm_bytes bytes)
{
    secret *added = &secrets[secret_count++];

    if (secret_count > FORMS || bytes.size > sizeof(added->bytes) || bytes.size < 16)
        die(name);
    added->name = name;
    memcpy(added->bytes, bytes.data, bytes.size);
    added->size = bytes.size;
}

/* A number as it is written, and as OpenSSL computes with it on a little-endian machine. */
static void add_number(const char *name, bm_bytes number)
{
    uint8_t reversed[SCALAR];

    for (size_t i = 0; i < SCALAR; i++)
        reversed[i] = number.data[SCALAR - 1 - i];
    add(name, number);
    add(name, BM_BYTES_ARRAY(reversed));
}

static void read_file(const char *directory, const char *name, bm_buf *out)
{
    char path[512];
    uint8_t bytes[8192];
    ssize_t size;
    int fd;

    (void)snprintf(path, sizeof(path), "%s%s%s", directory, directory[0] != 0 ? "/" : "", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    size = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
    if (size < 0 || bm_buf_put(out, bm_bytes_of(bytes, (size_t)size)).code != BM_OK)
        die(path);
    (void)close(fd);
}

static void unseal(const char *directory, const char *name, const char *label, bm_bytes passphrase, bm_buf *out)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    read_file(directory, name, &sealed);
    if (bm_cipher_unseal(passphrase, label, bm_buf_view(&sealed), out).code != BM_OK)
        die(name);
}

/* The scalar of a P-256 key (RFC 5915: version 1, and an OCTET STRING of 32 bytes). */
static void add_key(const char *directory, const char *name, const char *label, const char *says, bm_bytes passphrase)
{
    static const uint8_t before[] = {0x02, 0x01, 0x01, 0x04, SCALAR};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    const uint8_t *at;

    unseal(directory, name, label, passphrase, &der);
    at = memmem(der.data, der.size, before, sizeof(before));
    if (at == NULL)
        die("not a P-256 key");
    add_number(says, bm_bytes_of(at + sizeof(before), SCALAR));
}

static void find_in(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < secret_count; i++)
        if (!secrets[i].found && memmem(bytes, size, secrets[i].bytes, secrets[i].size) != NULL)
            secrets[i].found = true;
}

/* One mapping; what cannot be read of it is no memory of the process. */
static void search_area(int memory, uint64_t from, uint64_t to, uint8_t *space)
{
    for (uint64_t at = from; at < to; at += STEP - OVERLAP) {
        size_t wanted = to - at < STEP ? (size_t)(to - at) : STEP;
        ssize_t got = pread(memory, space, wanted, (off_t)at);

        if (got > 0)
            find_in(space, (size_t)got);
        if (to - at <= STEP)
            break;
    }
}

static void search(const char *pid, uint8_t *space)
{
    char path[64], line[512];
    uint64_t from, to;
    FILE *maps;
    int memory;

    (void)snprintf(path, sizeof(path), "/proc/%s/maps", pid);
    maps = fopen(path, "re");
    if (maps == NULL)
        die(path);
    (void)snprintf(path, sizeof(path), "/proc/%s/mem", pid);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    if (memory < 0)
        die(path);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *rest;

        from = strtoull(line, &rest, 16);
        to = *rest == '-' ? strtoull(rest + 1, &rest, 16) : 0;
        if (rest[0] == ' ' && rest[1] == 'r' && to > from && to - from <= AREA_MAX)
            search_area(memory, from, to, space);
    }
    (void)fclose(maps);
    (void)close(memory);
}

static void report(const char *pid)
{
    const char *last = "";

    printf("%s", pid);
    for (size_t i = 0; i < secret_count; i++) {
        if (secrets[i].found && strcmp(secrets[i].name, last) != 0) {
            last = secrets[i].name;
            printf(" %s", last);
        }
        secrets[i].found = false;
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    BM_AUTO_BUF passphrase = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket = BM_BUF_EMPTY;
    bm_bytes words;
    uint8_t *space = malloc(STEP);

    if (argc < 4 || space == NULL)
        die("usage: birthmark-search STATE PASSPHRASE-FILE PID...");
    read_file("", argv[2], &passphrase);
    if (bm_buf_terminate(&passphrase).code != BM_OK)
        die("no memory");
    words = bm_bytes_of(passphrase.data, strcspn((const char *)passphrase.data, "\n"));
    add("passphrase", words);
    add_key(argv[1], BM_STATE_CA_KEY, BM_KEYS_LABEL_CA, "ca-key", words);
    unseal(argv[1], BM_STATE_TICKET_KEY, BM_KEYS_LABEL_TICKET, words, &ticket);
    add("ticket-key", bm_bytes_slice(bm_buf_view(&ticket), 4, BM_TICKET_KEY_SIZE));
    add_key(argv[1], BM_STATE_TLS_KEY, BM_KEYS_LABEL_TLS, "tls-key", words);
    for (int i = 3; i < argc; i++) {
        search(argv[i], space);
        report(argv[i]);
    }
    free(space);
    return 0;
}
