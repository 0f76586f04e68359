/* device/exchange/offline_state and offline_files: what is kept of a half-done exchange, and files that are carried. */
#include "unit.h"

#include "device/exchange/offline_files.h"
#include "device/exchange/offline_state.h"
#include "protocol/ticket.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPIRES 1900000000

typedef struct {
    char path[64];
    bm_identity identity;
    bm_buf first;
    bm_buf second;
} fixture;

static void make_requests(fixture *f)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};
    uint8_t *ticket;
    bm_ticket_fields fields = {.way = BM_TICKET_OFFLINE, .key_id = 1, .expires = EXPIRES};

    assert_ok(bm_buf_put_str(&request.csr, "csr"));
    assert_ok(bm_buf_put_str(&request.ik_public, "ik"));
    assert_ok(bm_buf_put_str(&request.ek_public, "ek"));
    assert_ok(bm_request_put_file(BM_CALL_CHALLENGE, &request, &f->first));
    assert_ok(bm_ticket_put_challenge(&request.challenge, &fields));
    assert_ok(bm_buf_extend(&request.ticket, BM_TICKET_SIZE, &ticket));
    memset(ticket, 7, BM_TICKET_SIZE);
    assert_ok(bm_request_put_file(BM_CALL_CERTIFICATE, &request, &f->second));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/bm-offline.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    assert_ok(bm_identity_open(f->path, &f->identity));
    make_requests(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"offline.request", "offline.answer", "offline.handle", "file", "link", "target", "file.part", ".lock"};
    fixture *f = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlinkat(f->identity.fd, names[i], 0);
    bm_identity_close(&f->identity);
    assert_int_equal(rmdir(f->path), 0);
    bm_buf_fini(&f->first);
    bm_buf_fini(&f->second);
    free(f);
    return 0;
}

static void what_was_kept_is_read_again_byte_for_byte(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_offline_state_fini) bm_offline_state none = {0};
    BM_AUTO(bm_offline_state_fini) bm_offline_state one = {0};
    BM_AUTO(bm_offline_state_fini) bm_offline_state two = {0};
    BM_AUTO(bm_offline_state_fini) bm_offline_state back = {0};
    BM_AUTO(bm_offline_state_fini) bm_offline_state over = {0};

    assert_ok(bm_offline_state_read(&f->identity, &none));
    assert_int_equal(none.request.size, 0);
    assert_ok(bm_offline_state_begin(&f->identity, 0x81020007, bm_buf_view(&f->first)));
    assert_ok(bm_offline_state_read(&f->identity, &one));
    assert_bytes(bm_buf_view(&one.request), bm_buf_view(&f->first));
    assert_int_equal(one.handle, 0x81020007);
    assert_int_equal(one.answer.size, 0);
    assert_ok(bm_offline_state_go_on(&f->identity, bm_buf_view(&f->second)));
    assert_ok(bm_offline_state_read(&f->identity, &two));
    assert_bytes(bm_buf_view(&two.answer), bm_buf_view(&f->second));
    assert_true(two.expires == EXPIRES);
    assert_ok(bm_offline_state_go_back(&f->identity));
    assert_ok(bm_offline_state_go_back(&f->identity));
    assert_ok(bm_offline_state_read(&f->identity, &back));
    assert_true(back.request.size > 0 && back.answer.size == 0);
    assert_ok(bm_offline_state_end(&f->identity));
    assert_ok(bm_offline_state_read(&f->identity, &over));
    assert_int_equal(over.request.size, 0);
}

static void a_new_request_leaves_nothing_of_the_one_before(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_offline_state_fini) bm_offline_state now = {0};

    assert_ok(bm_offline_state_begin(&f->identity, 0x81020000, bm_buf_view(&f->first)));
    assert_ok(bm_offline_state_go_on(&f->identity, bm_buf_view(&f->second)));
    assert_ok(bm_offline_state_begin(&f->identity, 0x81020001, bm_buf_view(&f->first)));
    assert_ok(bm_offline_state_read(&f->identity, &now));
    assert_int_equal(now.handle, 0x81020001);
    assert_int_equal(now.answer.size, 0);
}

/* Writes a file of the directory as a crash or a stranger would. */
static void damage(fixture *f, const char *name, bm_bytes content)
{
    assert_ok(bm_identity_put(&f->identity, name, 0644, content));
}

static void what_is_damaged_counts_as_not_there(void **state)
{
    fixture *f = *state;
    static const char *const handles[] = {"", "handle:", "handle:0x81020000", "0x81020000\n", "handle:0x81010001\n", "handle:0x8102000\n", "handle:0x81020000\n\n"};

    assert_ok(bm_offline_state_begin(&f->identity, 0x81020000, bm_buf_view(&f->first)));
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        BM_AUTO(bm_offline_state_fini) bm_offline_state now = {0};

        damage(f, "offline.handle", bm_bytes_str(handles[i]));
        assert_ok(bm_offline_state_read(&f->identity, &now));
        assert_int_equal(now.request.size, 0);
    }
    damage(f, "offline.handle", bm_bytes_str("handle:0x81020000\n"));
    for (size_t size = 0; size < f->first.size; size += 7) {
        BM_AUTO(bm_offline_state_fini) bm_offline_state now = {0};

        damage(f, "offline.request", bm_bytes_of(f->first.data, size));
        assert_ok(bm_offline_state_read(&f->identity, &now));
        assert_int_equal(now.request.size, 0);
    }
    damage(f, "offline.request", bm_buf_view(&f->first));
    /* a first request is no second one, and half a second one is none */
    for (int i = 0; i < 2; i++) {
        BM_AUTO(bm_offline_state_fini) bm_offline_state now = {0};

        damage(f, "offline.answer", i == 0 ? bm_buf_view(&f->first) : bm_bytes_of(f->second.data, f->second.size / 2));
        assert_ok(bm_offline_state_read(&f->identity, &now));
        assert_true(now.request.size > 0 && now.answer.size == 0);
    }
}

static void a_file_is_written_whole_and_not_through_a_link(void **state)
{
    fixture *f = *state;
    char path[96];
    char part[128];
    struct stat there;

    (void)snprintf(path, sizeof(path), "%s/file", f->path);
    (void)snprintf(part, sizeof(part), "%s.part", path);
    assert_ok(bm_offline_files_write(path, bm_bytes_str("one")));
    assert_ok(bm_offline_files_write(path, bm_bytes_str("three")));
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_size, 5);
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(symlinkat("target", f->identity.fd, "file.part"), 0);
    assert_code(bm_offline_files_write(path, bm_bytes_str("five")), BM_E_IO);
    assert_int_equal(faccessat(f->identity.fd, "target", F_OK, 0), -1);
    (void)snprintf(path, sizeof(path), "%s/none/file", f->path);
    assert_code(bm_offline_files_write(path, bm_bytes_str("six")), BM_E_IO);
}

static void a_file_without_a_ca_is_no_ca_file(void **state)
{
    fixture *f = *state;
    bm_ca cas[BM_OFFLINE_CAS_MAX] = {0};
    char path[96];
    size_t count;

    (void)snprintf(path, sizeof(path), "%s/file", f->path);
    assert_code(bm_offline_files_read_cas(path, cas, &count), BM_E_IO);
    assert_ok(bm_offline_files_write(path, bm_bytes_str("nothing\n")));
    assert_code(bm_offline_files_read_cas(path, cas, &count), BM_E_IO);
    assert_ok(bm_offline_files_write(path, bm_bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n")));
    assert_code(bm_offline_files_read_cas(path, cas, &count), BM_E_IO);
    assert_ok(bm_offline_files_write(path, bm_bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")));
    assert_code(bm_offline_files_read_cas(path, cas, &count), BM_E_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_kept_is_read_again_byte_for_byte),
        TEST(a_new_request_leaves_nothing_of_the_one_before),
        TEST(what_is_damaged_counts_as_not_there),
        TEST(a_file_is_written_whole_and_not_through_a_link),
        TEST(a_file_without_a_ca_is_no_ca_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
