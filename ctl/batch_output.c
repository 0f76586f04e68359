#include "ctl/batch_output.h"

#include "crypto/random.h"
#include "program/descriptor.h"
#include "x509/issue.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PENDING_MAX ((size_t)256 * 1024)
#define CLOCK_SKEW INT64_C(3600) /* a device whose clock is late takes the answers all the same */

static BM_RESULT failed(const bm_ctl_batch_output *output)
{
    return bm_failf(BM_E_IO, "%s cannot be written: %s", (const char *)output->part.data, strerror(errno));
}

/* The directory in which the file will be. */
static BM_RESULT open_directory(const char *path, int *fd)
{
    BM_AUTO_BUF copy = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_str(&copy, path));
    BM_TRY(bm_buf_terminate(&copy));
    *fd = open(dirname((char *)copy.data), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return bm_failf(BM_E_IO, "%s cannot be written: %s", path, strerror(errno));
    return bm_ok();
}

/* Answers among the requests would be taken for requests the next time. */
static BM_RESULT check_place(const char *path, int requests)
{
    BM_AUTO(bm_descriptor_close) int directory = -1;
    struct stat there;
    struct stat in;

    BM_TRY(open_directory(path, &directory));
    if (fstat(directory, &there) != 0 || fstat(requests, &in) != 0)
        return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
    if (there.st_dev == in.st_dev && there.st_ino == in.st_ino)
        return bm_failf(BM_E_USAGE, "--out %s would lie among the requests: put it into another directory", path);
    return bm_ok();
}

/* Is what was opened and locked still the file of that name, and under no other? A run that ended meanwhile has renamed it. */
static bool is_own(const bm_ctl_batch_output *output)
{
    struct stat own, there;

    return fstat(output->fd, &own) == 0 && lstat((const char *)output->part.data, &there) == 0 && S_ISREG(own.st_mode) && own.st_nlink == 1 &&
           own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

BM_RESULT bm_ctl_batch_output_open(const char *path, int requests, bm_ctl_batch_output *output)
{
    output->path = path;
    BM_TRY(check_place(path, requests));
    BM_TRY(bm_buf_putf(&output->part, "%s.part", path));
    BM_TRY(bm_buf_terminate(&output->part));
    output->fd = open((const char *)output->part.data, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (output->fd < 0)
        return failed(output);
    if (flock(output->fd, LOCK_EX | LOCK_NB) != 0)
        return bm_failf(BM_E_IO, "another birthmarkctl writes %s: wait for its end, or choose another --out", path);
    if (!is_own(output))
        return bm_failf(BM_E_IO, "%s.part is no file of its own, or another run has just ended: remove it, or run this again", path);
    if (ftruncate(output->fd, 0) != 0)
        return failed(output);
    return bm_answers_writer_begin(&output->writer, &output->pending);
}

void bm_ctl_batch_output_fini(bm_ctl_batch_output *output)
{
    bm_descriptor_close(&output->fd);
    bm_buf_fini(&output->part);
    bm_buf_fini(&output->pending);
    bm_buf_fini(&output->certificate);
    bm_answers_writer_fini(&output->writer);
    bm_pkey_free(output->key);
    *output = (bm_ctl_batch_output){.fd = -1};
}

BM_RESULT bm_ctl_batch_output_certify(bm_ctl_batch_output *output, bm_keys *keys, const bm_ca *ca, int64_t now, int64_t valid)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_pubkey key;
    bm_signer_fields fields = {.key = &key, .not_before = now - CLOCK_SKEW, .not_after = now + valid};

    if (fields.not_before < ca->not_before)
        fields.not_before = ca->not_before;
    if (fields.not_after > ca->not_after)
        fields.not_after = ca->not_after;
    BM_CHECK(fields.not_after > now, BM_E_INTERNAL, "the CA certificate has expired; make or bring in a new one");
    BM_TRY(bm_random(fields.serial, sizeof(fields.serial)));
    bm_issue_serial(fields.serial);
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &output->key));
    BM_TRY(bm_pkey_public(output->key, &key));
    BM_TRY(bm_signer_put_tbs(&tbs, ca, &fields));
    BM_TRY(bm_keys_sign(keys, bm_buf_view(&tbs), &signature));
    output->not_after = fields.not_after;
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(fields.serial), output->serial, sizeof(output->serial)));
    return bm_issue_assemble(&output->certificate, bm_buf_view(&tbs), bm_pkey_default_sig(ca->key.type), bm_buf_view(&signature));
}

static BM_RESULT flush(bm_ctl_batch_output *output)
{
    bm_bytes rest = bm_buf_view(&output->pending);

    while (rest.size > 0) {
        ssize_t put = write(output->fd, rest.data, rest.size);

        if (put < 0 && errno != EINTR)
            return failed(output);
        if (put > 0)
            rest = bm_bytes_slice(rest, (size_t)put, rest.size - (size_t)put);
    }
    bm_buf_clear(&output->pending);
    return bm_ok();
}

BM_RESULT bm_ctl_batch_output_put(bm_ctl_batch_output *output, const uint8_t request[BM_SHA256_SIZE], int status, bm_bytes body)
{
    BM_TRY(bm_answers_writer_put(&output->writer, request, status, body, &output->pending));
    return output->pending.size < PENDING_MAX ? bm_ok() : flush(output);
}

BM_RESULT bm_ctl_batch_output_finish(bm_ctl_batch_output *output)
{
    BM_AUTO(bm_descriptor_close) int directory = -1;

    BM_TRY(bm_answers_writer_end(&output->writer, output->key, bm_buf_view(&output->certificate), &output->pending));
    BM_TRY(flush(output));
    if (fsync(output->fd) != 0)
        return failed(output);
    if (rename((const char *)output->part.data, output->path) != 0)
        return bm_failf(BM_E_IO, "%s cannot be written: %s", output->path, strerror(errno));
    BM_TRY(open_directory(output->path, &directory));
    return fsync(directory) == 0 ? bm_ok() : bm_failf(BM_E_IO, "%s: %s", output->path, strerror(errno));
}
