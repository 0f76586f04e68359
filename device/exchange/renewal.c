#include "device/exchange/renewal.h"

#include "base/text.h"
#include "program/descriptor.h"
#include "x509/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CA_FILE_MAX (2u << 20)

static const char head[] = "birthmark renewal 1\n";

/* The lines in their order, and where their values are kept. */
typedef struct {
    const char *name;
    size_t offset;
} row;

static const row rows[] = {
    {"server ", offsetof(bm_renewal, server)},
    {"serial ", offsetof(bm_renewal, serial)},
    {"profile ", offsetof(bm_renewal, profile)},
    {"owner-auth ", offsetof(bm_renewal, auth) + BM_TPM_OWNER * sizeof(bm_buf)},
    {"endorsement-auth ", offsetof(bm_renewal, auth) + BM_TPM_ENDORSEMENT * sizeof(bm_buf)},
    {"key-auth ", offsetof(bm_renewal, key_auth)},
    {"ca-file ", offsetof(bm_renewal, ca_file)},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bm_buf *value_of(bm_renewal *renewal, size_t i)
{
    return (bm_buf *)(void *)((char *)renewal + rows[i].offset);
}

static const bm_buf *const_value_of(const bm_renewal *renewal, size_t i)
{
    return (const bm_buf *)(const void *)((const char *)renewal + rows[i].offset);
}

void bm_renewal_fini(bm_renewal *renewal)
{
    for (size_t i = 0; i < ROWS; i++)
        bm_buf_fini(value_of(renewal, i));
    bm_buf_fini(&renewal->ca);
}

static bool is_value(bm_bytes value)
{
    if (value.size == 0 || value.size > BM_RENEWAL_VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < 0x20 || value.data[i] == 0x7F)
            return false;
    return true;
}

/* A value, with a NUL that does not count. */
static BM_RESULT set(bm_buf *to, bm_bytes value)
{
    BM_CHECK(is_value(value), BM_E_MALFORMED, "a value is empty, too long, or not printable");
    bm_buf_clear(to);
    BM_TRY(bm_buf_put(to, value));
    return bm_buf_terminate(to);
}

/* All certificates of a PEM text, and nothing else of it. */
static BM_RESULT take_certificates(bm_bytes pem, bm_buf *out)
{
    bool found = true;

    while (found) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        BM_TRY(bm_ca_next_pem(&pem, "CERTIFICATE", &der, &found));
        if (found)
            BM_TRY(bm_ca_put_pem(out, "CERTIFICATE", bm_buf_view(&der)));
    }
    BM_CHECK(out->size > 0, BM_E_MALFORMED, "there is no certificate");
    return bm_buf_terminate(out);
}

static bool starts(bm_bytes text, const char *with)
{
    size_t length = strlen(with);

    return text.size >= length && bm_bytes_equal(bm_bytes_slice(text, 0, length), bm_bytes_str(with));
}

/* What holds of every record, whoever wrote it. */
static BM_RESULT check(const bm_renewal *renewal)
{
    bm_bytes server = bm_buf_view(&renewal->server);
    bm_bytes profile = bm_buf_view(&renewal->profile);
    bool tls = starts(server, "https://");
    bool verified = renewal->ca.size > 0 || renewal->ca_file.size > 0;

    BM_CHECK(tls || starts(server, "http://"), BM_E_MALFORMED, "there is no server");
    BM_CHECK(bm_text_is_identity(bm_buf_view(&renewal->serial)), BM_E_MALFORMED, "there is no serial number");
    BM_CHECK(profile.size == 0 || bm_text_is_profile_name(profile), BM_E_MALFORMED, "the profile has no name of one");
    BM_CHECK(renewal->ca.size == 0 || renewal->ca_file.size == 0, BM_E_MALFORMED, "the server is verified in two ways");
    BM_CHECK(!tls || verified, BM_E_MALFORMED, "nothing verifies the server");
    BM_CHECK(renewal->ca_file.size == 0 || renewal->ca_file.data[0] == '/', BM_E_MALFORMED, "the path of the server's certificates is not whole");
    return bm_ok();
}

BM_RESULT bm_renewal_put(bm_buf *out, const bm_renewal *renewal)
{
    BM_TRY(bm_buf_put_str(out, head));
    for (size_t i = 0; i < ROWS; i++) {
        const bm_buf *value = const_value_of(renewal, i);

        if (value->size > 0)
            BM_TRY(bm_buf_putf(out, "%s%.*s\n", rows[i].name, (int)value->size, (const char *)value->data));
    }
    if (renewal->ca.size == 0)
        return bm_ok();
    BM_TRY(bm_buf_put_str(out, "ca\n"));
    return bm_buf_put(out, bm_buf_view(&renewal->ca));
}

static void skip(bm_bytes *text, size_t size)
{
    *text = bm_bytes_slice(*text, size, text->size - size);
}

/* The value of a line that begins with `name`; without such a line there is none. */
static BM_RESULT take_line(bm_bytes *text, const char *name, bm_buf *value)
{
    size_t end = 0;

    if (!starts(*text, name))
        return bm_ok();
    skip(text, strlen(name));
    while (end < text->size && text->data[end] != '\n')
        end++;
    BM_CHECK(end < text->size, BM_E_MALFORMED, "a line is not ended");
    BM_TRY(set(value, bm_bytes_slice(*text, 0, end)));
    skip(text, end + 1);
    return bm_ok();
}

BM_RESULT bm_renewal_parse(bm_bytes text, bm_renewal *renewal)
{
    BM_AUTO(bm_renewal_fini) bm_renewal parsed = {0};

    BM_CHECK(starts(text, head), BM_E_MALFORMED, "it is no record of this version");
    skip(&text, sizeof(head) - 1);
    for (size_t i = 0; i < ROWS; i++)
        BM_TRY(take_line(&text, rows[i].name, value_of(&parsed, i)));
    if (starts(text, "ca\n")) {
        skip(&text, 3);
        BM_TRY(take_certificates(text, &parsed.ca));
        BM_CHECK(bm_bytes_equal(text, bm_buf_view(&parsed.ca)), BM_E_MALFORMED, "something stands between the certificates");
        text = bm_bytes_of(NULL, 0);
    }
    BM_CHECK(text.size == 0, BM_E_MALFORMED, "there is a line that nobody knows, or not in its place");
    BM_TRY(check(&parsed));
    *renewal = parsed;
    parsed = (bm_renewal){0};
    return bm_ok();
}

/* A path from the root on: a renewal runs in another directory. */
static BM_RESULT set_path(bm_buf *to, const char *scheme, const char *path)
{
    BM_AUTO_BUF whole = BM_BUF_EMPTY;
    char *real = realpath(path, NULL);
    bm_result result;

    if (real == NULL)
        return bm_failf(BM_E_IO, "%s cannot be read (%s): check the path", path, strerror(errno));
    result = bm_buf_putf(&whole, "%s%s", scheme, real);
    free(real);
    BM_TRY(result);
    result = set(to, bm_buf_view(&whole));
    return result.code == BM_E_MALFORMED ? bm_failf(BM_E_USAGE, "the path %.200s cannot be recorded: choose a shorter one of printable characters", path)
                                         : result;
}

static BM_RESULT read_file(const char *path, bm_buf *out)
{
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    while (fd >= 0 && got > 0 && out->size <= CA_FILE_MAX) {
        uint8_t chunk[4096];

        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            BM_TRY(bm_buf_put(out, bm_bytes_of(chunk, (size_t)got)));
    }
    if (fd < 0 || got != 0)
        return bm_failf(BM_E_IO, "%s cannot be read: give with --ca the file that verifies the server", path);
    return bm_ok();
}

/* The certificates themselves, where they are few; a system's whole list is better left to the system, which keeps it up to date. */
static BM_RESULT set_ca(bm_renewal *renewal, const char *path)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    BM_TRY(read_file(path, &pem));
    if (pem.size > BM_RENEWAL_CA_MAX)
        return set_path(&renewal->ca_file, "", path);
    if (take_certificates(bm_buf_view(&pem), &renewal->ca).code != BM_OK)
        return bm_failf(BM_E_IO, "%s is no file of PEM certificates: give with --ca the file that verifies the server", path);
    return bm_ok();
}

static BM_RESULT set_auth(bm_buf *to, const char *source)
{
    struct stat file;

    /* A pipe is there once: a renewal does without, or is told where the value is. */
    if (strncmp(source, "file:", 5) == 0 && stat(source + 5, &file) == 0 && !S_ISREG(file.st_mode)) {
        bm_buf_clear(to);
        return bm_ok();
    }
    if (strncmp(source, "file:", 5) == 0)
        return set_path(to, "file:", source + 5);
    return bm_result_as(set(to, bm_bytes_str(source)), BM_E_USAGE);
}

/* Where the values are that a command names, and who verifies the server. */
static BM_RESULT override(bm_renewal *renewal, const bm_enrolment_options *options)
{
    if (options->server != NULL)
        BM_TRY(bm_result_as(set(&renewal->server, bm_bytes_str(options->server)), BM_E_USAGE));
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        if (options->auth[i] != NULL)
            BM_TRY(set_auth(&renewal->auth[i], options->auth[i]));
    if (options->key_auth != NULL)
        BM_TRY(set_auth(&renewal->key_auth, options->key_auth));
    if (options->ca != NULL) {
        bm_buf_clear(&renewal->ca);
        bm_buf_clear(&renewal->ca_file);
        BM_TRY(set_ca(renewal, options->ca));
    }
    return bm_result_as(check(renewal), BM_E_USAGE);
}

BM_RESULT bm_renewal_override(bm_renewal *renewal, const bm_enrolment_options *options)
{
    BM_AUTO(bm_renewal_fini) bm_renewal made = {0};
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    BM_TRY(bm_renewal_put(&text, renewal));
    BM_TRY(bm_renewal_parse(bm_buf_view(&text), &made));
    BM_TRY(override(&made, options));
    bm_renewal_fini(renewal);
    *renewal = made;
    made = (bm_renewal){0};
    return bm_ok();
}

BM_RESULT bm_renewal_of(const bm_enrolment_options *options, bm_renewal *renewal)
{
    BM_AUTO(bm_renewal_fini) bm_renewal made = {0};

    BM_TRY(bm_result_as(set(&made.serial, bm_bytes_str(options->serial)), BM_E_USAGE));
    if (options->profile[0] != 0)
        BM_TRY(bm_result_as(set(&made.profile, bm_bytes_str(options->profile)), BM_E_USAGE));
    BM_TRY(override(&made, options));
    *renewal = made;
    made = (bm_renewal){0};
    return bm_ok();
}

BM_RESULT bm_renewal_write(bm_identity *identity, const bm_renewal *renewal)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    BM_AUTO_BUF there = BM_BUF_EMPTY;
    bool found;

    BM_TRY(bm_renewal_put(&text, renewal));
    BM_TRY(bm_identity_read(identity, BM_RENEWAL_NAME, &there, &found));
    if (found && bm_bytes_equal(bm_buf_view(&there), bm_buf_view(&text)))
        return bm_ok();
    return bm_identity_put(identity, BM_RENEWAL_NAME, 0644, bm_buf_view(&text));
}

BM_RESULT bm_renewal_load(const bm_identity *identity, bm_renewal *renewal)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    bm_result result;
    bool found;

    BM_TRY(bm_identity_read(identity, BM_RENEWAL_NAME, &text, &found));
    if (!found)
        return bm_failf(BM_E_IO,
                        "%s does not say from which server it is, because 'birthmark enroll' of an earlier version made it: run 'birthmark enroll "
                        "--renew' once with the options that it was made with (or check --state)",
                        identity->path);
    result = bm_renewal_parse(bm_buf_view(&text), renewal);
    if (result.code == BM_E_MALFORMED)
        return bm_failf(BM_E_IO, "%s/%s is damaged (%s): run 'birthmark enroll --renew' once with the options that it was made with (or check --state)",
                        identity->path, BM_RENEWAL_NAME, result.detail);
    return result;
}

BM_RESULT bm_renewal_drop_of_others(bm_identity *identity, const char *serial)
{
    BM_AUTO(bm_renewal_fini) bm_renewal record = {0};
    bm_result result = bm_renewal_load(identity, &record);

    if (result.code == BM_E_NO_MEMORY)
        return result;
    if (result.code == BM_OK && bm_bytes_equal(bm_buf_view(&record.serial), bm_bytes_str(serial)))
        return bm_ok();
    return bm_identity_remove(identity, BM_RENEWAL_NAME);
}

static const char *text_of(const bm_buf *value)
{
    return value->size > 0 ? (const char *)value->data : NULL;
}

void bm_renewal_use(const bm_renewal *renewal, bm_enrolment_options *options)
{
    options->server = text_of(&renewal->server);
    options->ca = text_of(&renewal->ca_file);
    options->serial = text_of(&renewal->serial);
    options->profile = renewal->profile.size > 0 ? text_of(&renewal->profile) : "";
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        options->auth[i] = text_of(&renewal->auth[i]);
    options->key_auth = text_of(&renewal->key_auth);
}
