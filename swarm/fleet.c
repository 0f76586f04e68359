#include "swarm/fleet.h"

#include "crypto/random.h"
#include "swarm/maker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMIT_DEVICES 2048 /* so many at once are written and made to count */
#define PREFIX_RANDOM 3

static BM_RESULT damaged(const bm_swarm_fleet *fleet, bm_result why)
{
    if (why.code == BM_OK || why.code == BM_E_NO_MEMORY || why.code == BM_E_INTERNAL)
        return why;
    return bm_failf(BM_E_IO, "%s cannot be used: %s. Remove it, or name another file with --fleet: it is made anew", fleet->path,
                    why.detail == NULL ? "it is cut off or damaged" : why.detail);
}

static BM_RESULT failed(const bm_swarm_fleet *fleet, const char *what)
{
    return bm_failf(BM_E_IO, "%s cannot be %s: %s", fleet->path, what, strerror(errno));
}

static void unmap(bm_swarm_fleet *fleet)
{
    if (fleet->map != NULL)
        (void)munmap(fleet->map, fleet->map_size);
    fleet->map = NULL;
    fleet->map_size = 0;
    fleet->contents = (bm_swarm_contents){0};
}

void bm_swarm_fleet_close(bm_swarm_fleet *fleet)
{
    unmap(fleet);
    bm_swarm_vendor_fini(&fleet->vendor);
    bm_swarm_primes_free(fleet->primes);
    free(fleet->places);
    free(fleet->numbers);
    if (fleet->fd >= 0)
        (void)close(fleet->fd);
    *fleet = (bm_swarm_fleet){.fd = -1};
}

static BM_RESULT write_all(const bm_swarm_fleet *fleet, int fd, bm_bytes bytes, uint64_t at)
{
    while (bytes.size > 0) {
        ssize_t done = pwrite(fd, bytes.data, bytes.size, (off_t)at);

        if (done <= 0)
            return failed(fleet, "written");
        bytes = bm_bytes_slice(bytes, (size_t)done, bytes.size - (size_t)done);
        at += (uint64_t)done;
    }
    return bm_ok();
}

/* Everything of a new fleet but its devices. */
static BM_RESULT put_new(const char *prefix, int64_t now, bm_buf *out)
{
    BM_AUTO(bm_swarm_vendor_fini) bm_swarm_vendor vendor = {0};
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF key = BM_BUF_EMPTY;
    BM_AUTO_BUF rest = BM_BUF_EMPTY;
    uint8_t primes[BM_SWARM_PRIMES_SIZE];
    bm_swarm_contents contents = {.prefix = bm_bytes_str(prefix), .primes = BM_BYTES_ARRAY(primes)};

    BM_TRY(bm_buf_putf(&name, "Swarm vendor %s", prefix));
    BM_TRY(bm_buf_terminate(&name));
    BM_TRY(bm_swarm_vendor_make((const char *)name.data, now, &vendor));
    BM_TRY(bm_pkey_put_private(&key, vendor.key));
    BM_TRY(bm_swarm_primes_make(primes));
    contents.vendor_key = bm_buf_view(&key);
    contents.vendor_certificate = bm_buf_view(&vendor.ca.der);
    BM_TRY(bm_swarm_format_put_vendor(&rest, &contents));
    BM_TRY(bm_swarm_format_put_header(out, 0, BM_SWARM_HEADER_SIZE + rest.size));
    return bm_buf_put(out, bm_buf_view(&rest));
}

/* Written beside its place and linked there: a whole fleet, or none; and one that another process made in the meantime stays. */
static BM_RESULT write_new(const bm_swarm_fleet *fleet, const char *beside, bm_bytes bytes)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bm_result result;

    if (fd < 0)
        return failed(fleet, "made");
    result = write_all(fleet, fd, bytes, 0);
    if (result.code == BM_OK && (fsync(fd) != 0 || (link(beside, fleet->path) != 0 && errno != EEXIST)))
        result = failed(fleet, "made");
    (void)close(fd);
    (void)unlink(beside);
    return result;
}

static BM_RESULT make(const bm_swarm_fleet *fleet, const char *prefix, int64_t now)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF beside = BM_BUF_EMPTY;
    BM_AUTO_BUF own = BM_BUF_EMPTY;
    uint8_t chance[PREFIX_RANDOM];

    BM_TRY(bm_random(chance, sizeof(chance)));
    BM_TRY(bm_buf_putf(&own, "SWARM-%02x%02x%02x", chance[0], chance[1], chance[2]));
    BM_TRY(bm_buf_terminate(&own));
    BM_TRY(put_new(prefix != NULL ? prefix : (const char *)own.data, now, &bytes));
    BM_TRY(bm_buf_putf(&beside, "%s.%ld.new", fleet->path, (long)getpid()));
    BM_TRY(bm_buf_terminate(&beside));
    return write_new(fleet, (const char *)beside.data, bm_buf_view(&bytes));
}

/* The file as it is now. */
static BM_RESULT map(bm_swarm_fleet *fleet)
{
    struct stat status;
    void *start;

    unmap(fleet);
    if (fstat(fleet->fd, &status) != 0)
        return failed(fleet, "read");
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
        return bm_failf(BM_E_IO, "%s holds private keys and can be read by others, or is no file: chmod 600 %s", fleet->path, fleet->path);
    if (status.st_size < BM_SWARM_HEADER_SIZE)
        return damaged(fleet, bm_fail(BM_E_MALFORMED, "it is no fleet file"));
    start = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fleet->fd, 0);
    if (start == MAP_FAILED)
        return failed(fleet, "read");
    fleet->map = start;
    fleet->map_size = (size_t)status.st_size;
    return damaged(fleet, bm_swarm_format_parse(bm_bytes_of(fleet->map, fleet->map_size), &fleet->contents));
}

static BM_RESULT open_it(bm_swarm_fleet *fleet, const char *prefix, int64_t now)
{
    fleet->fd = open(fleet->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fleet->fd < 0 && errno == ENOENT) {
        BM_TRY(make(fleet, prefix, now));
        fleet->fd = open(fleet->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fleet->fd < 0)
        return failed(fleet, "opened");
    BM_TRY(map(fleet));
    if (prefix != NULL && !bm_bytes_equal(fleet->contents.prefix, bm_bytes_str(prefix)))
        return bm_failf(BM_E_USAGE, "the serials of %s begin with %.*s: leave --prefix out, or make another fleet with --fleet", fleet->path,
                        (int)fleet->contents.prefix.size, (const char *)fleet->contents.prefix.data);
    BM_TRY(damaged(fleet, bm_swarm_vendor_load(fleet->contents.vendor_key, fleet->contents.vendor_certificate, &fleet->vendor)));
    return damaged(fleet, bm_swarm_primes_load(fleet->contents.primes, &fleet->primes));
}

BM_RESULT bm_swarm_fleet_open(const char *path, const char *prefix, int64_t now, bm_swarm_fleet *fleet)
{
    bm_swarm_fleet made = {.path = path, .fd = -1};
    bm_result result = open_it(&made, prefix, now);

    if (result.code != BM_OK) {
        bm_swarm_fleet_close(&made);
        return result;
    }
    *fleet = made;
    return bm_ok();
}

/* Goes over all devices and notes those of the selected types. */
static BM_RESULT index_records(bm_swarm_fleet *fleet)
{
    bm_cursor at = bm_cursor_of(fleet->contents.records);

    fleet->selected = 0;
    for (uint32_t number = 0; number < fleet->contents.devices; number++) {
        uint64_t place = fleet->contents.records.size - at.rest.size;
        bm_swarm_record record;

        BM_TRY(bm_swarm_format_next(&at, &record));
        if (record.ek == fleet->ek && record.ik == fleet->ik) {
            fleet->places[fleet->selected] = place;
            fleet->numbers[fleet->selected++] = number;
        }
    }
    return bm_cursor_end(&at);
}

BM_RESULT bm_swarm_fleet_select(bm_swarm_fleet *fleet, bm_key_type ek, bm_key_type ik)
{
    size_t room = (size_t)fleet->contents.devices + 1;
    /* A record has at least so many bytes: a header that says more devices than there can be is not believed. */
    bool can_be = fleet->contents.devices <= fleet->contents.records.size / 16;

    BM_TRY(damaged(fleet, can_be ? bm_ok() : bm_fail(BM_E_MALFORMED, NULL)));
    free(fleet->places);
    free(fleet->numbers);
    fleet->selected = 0;
    fleet->places = calloc(room, sizeof(*fleet->places));
    fleet->numbers = calloc(room, sizeof(*fleet->numbers));
    BM_CHECK(fleet->places != NULL && fleet->numbers != NULL, BM_E_NO_MEMORY, NULL);
    fleet->ek = ek;
    fleet->ik = ik;
    return damaged(fleet, index_records(fleet));
}

BM_RESULT bm_swarm_fleet_get(const bm_swarm_fleet *fleet, size_t index, bm_swarm_fleet_device *device)
{
    bm_bytes records = fleet->contents.records;
    bm_cursor at;

    BM_CHECK(index < fleet->selected, BM_E_INTERNAL, "a device that the fleet does not have");
    at = bm_cursor_of(bm_bytes_slice(records, (size_t)fleet->places[index], records.size - (size_t)fleet->places[index]));
    device->number = fleet->numbers[index];
    return damaged(fleet, bm_swarm_format_next(&at, &device->record));
}

/* Makes what was written count: it is on disk before the header says so. */
static BM_RESULT commit(const bm_swarm_fleet *fleet, uint32_t devices, uint64_t *size, bm_buf *records)
{
    BM_AUTO_BUF header = BM_BUF_EMPTY;

    if (records->size == 0)
        return bm_ok();
    BM_TRY(write_all(fleet, fleet->fd, bm_buf_view(records), *size));
    if (fdatasync(fleet->fd) != 0)
        return failed(fleet, "written");
    BM_TRY(bm_swarm_format_put_header(&header, devices, *size + records->size));
    BM_TRY(write_all(fleet, fleet->fd, bm_buf_view(&header), 0));
    *size += records->size;
    bm_buf_clear(records);
    return bm_ok();
}

static BM_RESULT make_devices(bm_swarm_fleet *fleet, bm_swarm_maker *maker, size_t missing, bm_swarm_fleet_watch watch, void *context)
{
    BM_AUTO_BUF records = BM_BUF_EMPTY;
    uint64_t size = fleet->contents.size;
    uint32_t number = fleet->contents.devices;
    bm_result result = bm_ok();

    for (size_t made = 0; made < missing && result.code == BM_OK; made++) {
        result = number >= BM_SWARM_DEVICES_MAX ? bm_failf(BM_E_USAGE, "a fleet has at most %u devices", BM_SWARM_DEVICES_MAX)
                                                : bm_swarm_maker_put(maker, number, &records);
        number += result.code == BM_OK;
        if (result.code == BM_OK && (made + 1) % COMMIT_DEVICES == 0)
            result = commit(fleet, number, &size, &records);
        if (result.code == BM_OK)
            result = watch(context, made + 1, missing);
    }
    /* What was made is kept, also when it was stopped. */
    if (result.code == BM_OK || result.code == BM_E_INTERRUPTED)
        BM_TRY(commit(fleet, number, &size, &records));
    return result;
}

static BM_RESULT grow(bm_swarm_fleet *fleet, size_t count, bm_swarm_fleet_watch watch, void *context)
{
    BM_AUTO(bm_swarm_maker_freep) bm_swarm_maker *maker = NULL;

    /* Another process may have made some since it was opened. */
    BM_TRY(map(fleet));
    BM_TRY(bm_swarm_fleet_select(fleet, fleet->ek, fleet->ik));
    if (fleet->selected >= count)
        return bm_ok();
    BM_TRY(bm_swarm_maker_new(&(bm_swarm_maker_options){.vendor = &fleet->vendor,
                                                        .primes = fleet->primes,
                                                        .prefix = fleet->contents.prefix,
                                                        .ek = fleet->ek,
                                                        .ik = fleet->ik},
                              &maker));
    BM_TRY(make_devices(fleet, maker, count - fleet->selected, watch, context));
    BM_TRY(map(fleet));
    return bm_swarm_fleet_select(fleet, fleet->ek, fleet->ik);
}

BM_RESULT bm_swarm_fleet_grow(bm_swarm_fleet *fleet, size_t count, bm_swarm_fleet_watch watch, void *context)
{
    bm_result result;

    if (fleet->selected >= count)
        return bm_ok();
    if (flock(fleet->fd, LOCK_EX | LOCK_NB) != 0)
        return bm_failf(BM_E_IO, "another birthmark-swarm makes devices in %s: wait for its end, or name another file with --fleet", fleet->path);
    result = grow(fleet, count, watch, context);
    (void)flock(fleet->fd, LOCK_UN);
    return result;
}
