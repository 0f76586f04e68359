#include "unit.h"

#include "swarm/fleet.h"
#include "swarm/maker.h"
#include "x509/csr.h"
#include "x509/walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1795473000)

static char directory[] = "/tmp/bm-swarm-fleet.XXXXXX";
static char path[64], other_path[64];

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/fleet", directory);
    (void)snprintf(other_path, sizeof(other_path), "%s/other", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other_path);
    return rmdir(directory);
}

static BM_RESULT no_watch(void *context, size_t made, size_t of)
{
    (void)context;
    (void)made;
    (void)of;
    return bm_ok();
}

/* Stops when so many are made. */
static BM_RESULT stop_at(void *context, size_t made, size_t of)
{
    (void)of;
    return made == *(size_t *)context ? bm_fail(BM_E_INTERRUPTED, NULL) : bm_ok();
}

static void open_with(bm_swarm_fleet *fleet, bm_key_type ek, bm_key_type ik, size_t count)
{
    assert_ok(bm_swarm_fleet_open(path, NULL, NOW, fleet));
    assert_ok(bm_swarm_fleet_select(fleet, ek, ik));
    if (count > 0)
        assert_ok(bm_swarm_fleet_grow(fleet, count, no_watch, NULL));
}

static void a_fleet_is_made_once_and_grows(void **state)
{
    bm_swarm_fleet fleet;
    BM_AUTO_BUF vendor = BM_BUF_EMPTY;
    struct stat status;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_RSA2048, 3);
    assert_int_equal(fleet.selected, 3);
    assert_ok(bm_buf_put(&vendor, bm_buf_view(&fleet.vendor.ca.der)));
    bm_swarm_fleet_close(&fleet);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_RSA2048, 0);
    assert_int_equal(fleet.selected, 3);
    assert_bytes(bm_buf_view(&vendor), bm_buf_view(&fleet.vendor.ca.der));
    assert_ok(bm_swarm_fleet_grow(&fleet, 2, no_watch, NULL));
    assert_int_equal(fleet.selected, 3);
    assert_ok(bm_swarm_fleet_grow(&fleet, 5, no_watch, NULL));
    assert_int_equal(fleet.selected, 5);
    bm_swarm_fleet_close(&fleet);
}

static void devices_of_all_types_are_whole_and_no_two_the_same(void **state)
{
    static const bm_key_type eks[] = {BM_KEY_RSA2048, BM_KEY_ECC256, BM_KEY_ECC384};
    static const bm_key_type iks[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384};
    bm_pubkey keys[48];
    size_t count = 0;
    bm_swarm_fleet fleet;

    (void)state;
    (void)unlink(path);
    for (size_t i = 0; i < 12; i++) {
        open_with(&fleet, eks[i % 3], iks[i / 3], 2);
        for (size_t index = 0; index < 2; index++) {
            char serial[BM_IDENTITY_MAX + 1];
            bm_swarm_fleet_device device;
            bm_walk_cert certificate;
            bm_csr csr;

            assert_ok(bm_swarm_fleet_get(&fleet, index, &device));
            assert_int_equal(device.number, 2 * i + index);
            assert_ok(bm_walk_certificate(device.record.certificate, &certificate));
            assert_ok(bm_pubkey_parse_spki(certificate.fields.spki, &keys[count++]));
            assert_int_equal(keys[count - 1].type, eks[i % 3]);
            assert_ok(bm_csr_parse(device.record.csr, &csr));
            assert_int_equal(csr.key.type, iks[i / 3]);
            keys[count++] = csr.key;
            bm_swarm_maker_serial(fleet.contents.prefix, device.number, serial);
            assert_bytes(csr.serial, bm_bytes_str(serial));
        }
        bm_swarm_fleet_close(&fleet);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            assert_false(bm_pubkey_equal(&keys[i], &keys[j]));
}

static void what_was_made_until_it_was_stopped_is_kept(void **state)
{
    bm_swarm_fleet fleet;
    size_t limit = 7;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 0);
    assert_code(bm_swarm_fleet_grow(&fleet, 100, stop_at, &limit), BM_E_INTERRUPTED);
    bm_swarm_fleet_close(&fleet);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 9);
    assert_int_equal(fleet.contents.devices, 9);
    bm_swarm_fleet_close(&fleet);
}

static void what_does_not_count_is_written_over(void **state)
{
    bm_swarm_fleet fleet;
    int fd;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 2);
    bm_swarm_fleet_close(&fleet);
    fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "half of a device", 16), 16);
    assert_int_equal(close(fd), 0);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 4);
    assert_int_equal(fleet.selected, 4);
    bm_swarm_fleet_close(&fleet);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 0);
    assert_int_equal(fleet.selected, 4);
    bm_swarm_fleet_close(&fleet);
}

static void a_prefix_belongs_to_a_fleet(void **state)
{
    bm_swarm_fleet fleet;

    (void)state;
    (void)unlink(path);
    assert_ok(bm_swarm_fleet_open(path, "SN:1", NOW, &fleet));
    assert_bytes(fleet.contents.prefix, bm_bytes_str("SN:1"));
    bm_swarm_fleet_close(&fleet);
    assert_ok(bm_swarm_fleet_open(path, "SN:1", NOW, &fleet));
    bm_swarm_fleet_close(&fleet);
    assert_code(bm_swarm_fleet_open(path, "SN:2", NOW, &fleet), BM_E_USAGE);
}

static void two_do_not_make_devices_at_once(void **state)
{
    bm_swarm_fleet fleet;
    int fd;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 1);
    fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_code(bm_swarm_fleet_grow(&fleet, 2, no_watch, NULL), BM_E_IO);
    assert_int_equal(close(fd), 0);
    assert_ok(bm_swarm_fleet_grow(&fleet, 2, no_watch, NULL));
    bm_swarm_fleet_close(&fleet);
}

/* It is refused, in a sentence that names the file. */
static void refused(void)
{
    bm_swarm_fleet fleet;
    bm_result result = bm_swarm_fleet_open(path, NULL, NOW, &fleet);

    if (result.code == BM_OK) {
        result = bm_swarm_fleet_select(&fleet, BM_KEY_ECC256, BM_KEY_ECC256);
        bm_swarm_fleet_close(&fleet);
    }
    assert_int_equal(result.code, BM_E_IO);
    assert_non_null(strstr(result.detail, path));
}

static void a_file_that_is_not_private_is_refused(void **state)
{
    bm_swarm_fleet fleet;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 1);
    bm_swarm_fleet_close(&fleet);
    assert_int_equal(chmod(path, 0640), 0);
    refused();
    assert_int_equal(chmod(path, 0604), 0);
    refused();
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(rename(path, other_path), 0);
    assert_int_equal(symlink(other_path, path), 0);
    refused();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    refused();
    assert_int_equal(rmdir(path), 0);
}

static void write_file(const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(close(fd), 0);
}

static size_t read_file(uint8_t *bytes, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, bytes, room);

    assert_true(size > 0 && (size_t)size < room);
    assert_int_equal(close(fd), 0);
    return (size_t)size;
}

static void every_file_that_is_cut_off_is_refused(void **state)
{
    static uint8_t bytes[16384];
    bm_swarm_fleet fleet;
    size_t size;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 2);
    bm_swarm_fleet_close(&fleet);
    size = read_file(bytes, sizeof(bytes));
    for (size_t cut = 0; cut < size; cut += 13) {
        write_file(bytes, cut);
        refused();
    }
}

/* Places in a file of two devices whose change must be seen when it is opened: those of the header and of the sizes. */
static void every_change_of_the_structure_is_refused(void **state)
{
    static uint8_t bytes[16384];
    bm_swarm_fleet fleet;
    size_t size, record;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 2);
    record = fleet.map_size - fleet.contents.records.size;
    bm_swarm_fleet_close(&fleet);
    size = read_file(bytes, sizeof(bytes));
    /* Magic, version, devices, size; the prefix's size; a record's size, types, and the secret's size. */
    for (size_t at = 0; at < 26 + 8; at++) {
        size_t place = at < 26 ? at : record + at - 26;

        for (unsigned bit = 0; bit < 8; bit++) {
            /* A device of other types is none of those that are looked for, and a fleet may have it. */
            if (place == record + 4 || place == record + 5)
                continue;
            bytes[place] ^= (uint8_t)(1u << bit);
            write_file(bytes, size);
            refused();
            bytes[place] ^= (uint8_t)(1u << bit);
        }
    }
    bytes[record + 4] = BM_KEY_RSA3072;
    write_file(bytes, size);
    refused();
    bytes[record + 4] = BM_KEY_RSA2048; /* which has no secret */
    write_file(bytes, size);
    refused();
    bytes[record + 4] = BM_KEY_ECC256;
    bytes[record + 5] = BM_KEY_ECC521;
    write_file(bytes, size);
    refused();
}

static void another_vendors_key_is_refused(void **state)
{
    static uint8_t bytes[16384], other[16384];
    bm_swarm_fleet fleet;
    size_t size, at;

    (void)state;
    (void)unlink(path);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 0);
    at = (size_t)(fleet.contents.vendor_key.data - (const uint8_t *)fleet.map);
    bm_swarm_fleet_close(&fleet);
    size = read_file(bytes, sizeof(bytes));
    assert_int_equal(unlink(path), 0);
    open_with(&fleet, BM_KEY_ECC256, BM_KEY_ECC256, 0);
    memcpy(other, fleet.contents.vendor_key.data, fleet.contents.vendor_key.size);
    memcpy(bytes + at, other, fleet.contents.vendor_key.size);
    bm_swarm_fleet_close(&fleet);
    write_file(bytes, size);
    refused();
    bytes[at] ^= 1; /* not even a key */
    write_file(bytes, size);
    refused();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_is_made_once_and_grows),
        cmocka_unit_test(devices_of_all_types_are_whole_and_no_two_the_same),
        cmocka_unit_test(what_was_made_until_it_was_stopped_is_kept),
        cmocka_unit_test(what_does_not_count_is_written_over),
        cmocka_unit_test(a_prefix_belongs_to_a_fleet),
        cmocka_unit_test(two_do_not_make_devices_at_once),
        cmocka_unit_test(a_file_that_is_not_private_is_refused),
        cmocka_unit_test(every_file_that_is_cut_off_is_refused),
        cmocka_unit_test(every_change_of_the_structure_is_refused),
        cmocka_unit_test(another_vendors_key_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
