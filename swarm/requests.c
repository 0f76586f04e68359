#include "swarm/requests.h"

#include "program/descriptor.h"
#include "program/interrupt.h"
#include "swarm/device.h"
#include "swarm/maker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HASH_DIGITS ((size_t)2 * BM_SHA256_SIZE)
#define BODY_AT (HASH_DIGITS + 5)
#define CHUNK ((size_t)1024 * 1024)

/* Where an answer is in the file; sorted by the request that it is to. */
typedef struct {
    uint8_t request[BM_SHA256_SIZE];
    bm_bytes body;
} answer_row;

typedef struct {
    bm_buf text;
    bm_buf rows; /* answer_row, one behind the other */
    size_t count;
} answers;

static void fini_answers(answers *all)
{
    bm_buf_fini(&all->text);
    bm_buf_fini(&all->rows);
}

static BM_RESULT failed(const char *path, const char *what)
{
    return bm_failf(BM_E_IO, "%s cannot be %s: %s", path, what, strerror(errno));
}

static BM_RESULT read_text(const char *path, bm_buf *text)
{
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0)
        return failed(path, "read");
    while (got > 0) {
        uint8_t *start;

        BM_TRY(bm_buf_extend(text, CHUNK, &start));
        got = read(fd, start, CHUNK);
        text->size -= CHUNK - (got > 0 ? (size_t)got : 0);
    }
    return got < 0 ? failed(path, "read") : bm_ok();
}

/* Cuts the next line off. */
static bool next_line(bm_bytes *rest, bm_bytes *line)
{
    size_t end;

    if (!bm_bytes_find(*rest, bm_bytes_str("\n"), &end))
        return false;
    *line = bm_bytes_slice(*rest, 0, end);
    *rest = bm_bytes_slice(*rest, end + 1, rest->size - end - 1);
    return true;
}

static int compare(const void *a, const void *b)
{
    return bm_bytes_compare(bm_bytes_of(((const answer_row *)a)->request, BM_SHA256_SIZE),
                            bm_bytes_of(((const answer_row *)b)->request, BM_SHA256_SIZE));
}

/* The good answers of the file; its signature is for devices. */
static BM_RESULT read_answers(const char *path, answers *all)
{
    bm_bytes rest;
    bm_bytes line;

    BM_TRY(read_text(path, &all->text));
    for (rest = bm_buf_view(&all->text); next_line(&rest, &line);) {
        BM_AUTO_BUF hash = BM_BUF_EMPTY;
        answer_row row = {.body = bm_bytes_slice(line, BODY_AT, line.size - BODY_AT)};

        if (!bm_bytes_equal(bm_bytes_slice(line, HASH_DIGITS, 5), bm_bytes_str(" 200 ")))
            continue;
        BM_TRY(bm_result_as(bm_text_from_hex(bm_bytes_slice(line, 0, HASH_DIGITS), &hash), BM_E_SERVER_REPLY));
        BM_TRY(bm_bytes_copy_exact(bm_buf_view(&hash), row.request, BM_SHA256_SIZE));
        BM_TRY(bm_buf_put(&all->rows, bm_bytes_of(&row, sizeof(row))));
        all->count++;
    }
    if (all->count > 0)
        qsort(all->rows.data, all->count, sizeof(answer_row), compare);
    return bm_ok();
}

/* The body of a call as a file: what it is stands before the members. */
static BM_RESULT put_file(const char *call, const bm_buf *body, bm_buf *text)
{
    bm_buf_clear(text);
    BM_TRY(bm_buf_putf(text, "{\"birthmark\":\"request 1\",\"call\":\"%s\",", call));
    return bm_buf_put(text, bm_bytes_slice(bm_buf_view(body), 1, body->size - 1));
}

static BM_RESULT write_file(int directory, const bm_swarm_fleet *fleet, const bm_swarm_device *device, unsigned trip, bm_bytes text)
{
    BM_AUTO(bm_descriptor_close) int fd = -1;
    char serial[BM_IDENTITY_MAX + 1];
    char name[BM_IDENTITY_MAX + 8];

    bm_swarm_maker_serial(fleet->contents.prefix, device->own.number, serial);
    (void)snprintf(name, sizeof(name), "%s.%u", serial, trip);
    fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || write(fd, text.data, text.size) != (ssize_t)text.size)
        return failed(name, "written");
    return bm_ok();
}

/* What all devices of the command share. */
typedef struct {
    const bm_swarm_options *options;
    const bm_swarm_fleet *fleet;
    bm_swarm_kit *kit;
    answers all;
    int directory;
    size_t written;
    bm_swarm_device device;
    bm_buf text;
} writer;

static void fini(writer *w)
{
    fini_answers(&w->all);
    bm_swarm_device_fini(&w->device);
    bm_swarm_device_kit_free(w->kit);
    bm_buf_fini(&w->text);
    bm_descriptor_close(&w->directory);
}

static BM_RESULT write_device(writer *w, size_t index)
{
    answer_row wanted = {{0}, {0}};
    const answer_row *found;

    BM_TRY(bm_swarm_device_prepare(w->kit, index, bm_swarm_device_badness(index, w->options->bad), &w->device));
    BM_TRY(put_file("getChallenge", &w->device.body, &w->text));
    w->written++;
    if (w->options->answers == NULL)
        return write_file(w->directory, w->fleet, &w->device, 1, bm_buf_view(&w->text));
    BM_TRY(bm_hash_sha256(bm_buf_view(&w->text), wanted.request));
    found = w->all.count == 0 ? NULL : bsearch(&wanted, w->all.rows.data, w->all.count, sizeof(wanted), compare);
    if (found == NULL) {
        w->written--;
        return bm_ok();
    }
    BM_TRY(bm_swarm_device_answer(w->kit, &w->device, found->body));
    BM_TRY(put_file("getCertificate", &w->device.body, &w->text));
    return write_file(w->directory, w->fleet, &w->device, 2, bm_buf_view(&w->text));
}

BM_RESULT bm_swarm_requests_write(const bm_swarm_options *options, const bm_swarm_fleet *fleet)
{
    BM_AUTO(fini) writer w = {.options = options, .fleet = fleet, .directory = open(options->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

    if (w.directory < 0)
        return failed(options->out, "opened");
    BM_TRY(bm_swarm_device_kit_new(fleet, options->profile, options->bad > 0, &w.kit));
    if (options->answers != NULL)
        BM_TRY(read_answers(options->answers, &w.all));
    for (size_t i = 0; i < options->devices; i++) {
        BM_CHECK(!bm_interrupt_pending(), BM_E_INTERRUPTED, NULL);
        BM_TRY(write_device(&w, i));
    }
    (void)printf("%zu request files in %s\n", w.written, options->out);
    return bm_ok();
}
