/*
 * The fleet file as bytes: a header, the test vendor, the primes, and a record for each device. docs/birthmark-swarm.1 has the layout.
 *
 *   "BMSWARM\n" | u32 version | u32 devices | u64 size of all that counts
 *   u16 size, prefix | u16 size, vendor's private key (PKCS#8) | u16 size, vendor's certificate (DER) | the primes
 *   each device: u32 size | u8 type of the EK | u8 type of the identity key | u16 size, EK's secret | u16 size, EK certificate | u16 size, CSR
 *
 * What stands behind the size that the header names does not count: a run that was killed left it there.
 */
#ifndef BM_SWARM_FORMAT_H
#define BM_SWARM_FORMAT_H

#include "base/text.h"
#include "swarm/primes.h"

#define BM_SWARM_FORMAT_VERSION 1
#define BM_SWARM_HEADER_SIZE 24
#define BM_SWARM_PREFIX_MAX 48 /* a serial is the prefix, '-' and up to ten digits */
#define BM_SWARM_RECORD_MAX 8192
#define BM_SWARM_DEVICES_MAX 100000000u

/* What is in a fleet file before the devices; views of the file. */
typedef struct {
    uint32_t devices;
    uint64_t size; /* of all that counts */
    bm_bytes prefix;
    bm_bytes vendor_key;
    bm_bytes vendor_certificate;
    bm_bytes primes;
    bm_bytes records;
} bm_swarm_contents;

/* A device; views of the file. An RSA EK has no secret: its place in the file says which primes it is made of. */
typedef struct {
    bm_key_type ek;
    bm_key_type ik;
    bm_bytes secret;
    bm_bytes certificate;
    bm_bytes csr;
} bm_swarm_record;

/* Are these the types that a device of a swarm can have: rsa2048, ecc256, ecc384; and rsa3072 for an identity key? */
bool bm_swarm_format_is_ek(bm_key_type type);
bool bm_swarm_format_is_ik(bm_key_type type);

/* 1 to BM_SWARM_PREFIX_MAX characters of an identity? */
bool bm_swarm_format_is_prefix(bm_bytes prefix);

/* Appends the header; BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_format_put_header(bm_buf *out, uint32_t devices, uint64_t size);

/* Appends what stands between header and devices; BM_E_MALFORMED: a part is too long. BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_format_put_vendor(bm_buf *out, const bm_swarm_contents *contents);

/* Appends a device; BM_E_MALFORMED: a part is too long. BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_format_put_record(bm_buf *out, const bm_swarm_record *record);

/* Reads all but the devices. BM_E_MALFORMED: no fleet file, of another version, shorter than it says, or a part that cannot be. */
BM_RESULT bm_swarm_format_parse(bm_bytes file, bm_swarm_contents *contents);

/* Takes the next device; BM_E_MALFORMED: cut off, of types that no device has, a part that is empty or of the wrong size. */
BM_RESULT bm_swarm_format_next(bm_cursor *records, bm_swarm_record *record);

#endif
