/*
 * IP addresses: their text, the networks that hold them, and the block of addresses that is taken for one user.
 */
#ifndef BM_BASE_ADDRESS_H
#define BM_BASE_ADDRESS_H

#include "base/bytes.h"

/* The longest text of an address and its NUL: eight groups of four digits. */
#define BM_ADDRESS_TEXT_SIZE 40

/* An address in network order; IPv4 is ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), however it came. */
typedef struct {
    uint8_t bytes[16];
} bm_address;

/* Those addresses that have the first `bits` of 128 in common; the other bits are zero. */
typedef struct {
    bm_address address;
    unsigned bits;
} bm_network;

/* The address of four or of sixteen bytes in network order; BM_E_MALFORMED for any other number of them. */
BM_RESULT bm_address_of(bm_bytes bytes, bm_address *address);

/*
 * The address of a text: dotted decimal, four numbers without leading zeros, or IPv6 as RFC 4291, 2.2 has it; no zone, no port, no brackets.
 * BM_E_MALFORMED.
 */
BM_RESULT bm_address_parse(bm_bytes text, bm_address *address);

/* The text of an address, as RFC 5952 wants it. */
void bm_address_text(const bm_address *address, char out[BM_ADDRESS_TEXT_SIZE]);

/* Is it one of IPv4? */
bool bm_address_is_v4(const bm_address *address);

/* ADDRESS or ADDRESS/BITS, where what is behind the bits must be zero; BM_E_MALFORMED. */
BM_RESULT bm_address_parse_network(bm_bytes text, bm_network *network);

/* Is the address in the network? One of IPv4 is in networks of IPv4 alone. */
bool bm_address_is_in(const bm_address *address, const bm_network *network);

/* What is one user to us: an address of IPv4 is itself, one of IPv6 is its /64, of which anybody has all addresses. */
bm_address bm_address_block(const bm_address *address);

#endif
