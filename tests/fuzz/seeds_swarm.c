#include "seeds.h"

#include "swarm/format.h"

/* A fleet of one device of the world, and what a killed run left behind it. */
static void seed_fleet(void)
{
    static const uint8_t primes[BM_SWARM_PRIMES_SIZE] = {0xF1};
    static const uint8_t secret[32] = {7};
    BM_AUTO_BUF parts = BM_BUF_EMPTY;
    BM_AUTO_BUF file = BM_BUF_EMPTY;
    bm_swarm_contents contents = {.prefix = bm_bytes_str("SN"), .vendor_key = bm_bytes_str("key"), .primes = BM_BYTES_ARRAY(primes)};
    bm_swarm_record record = {.ek = BM_KEY_ECC256, .ik = BM_KEY_RSA2048, .secret = BM_BYTES_ARRAY(secret)};
    make_device device;

    world_device(&device, "SN-1");
    contents.vendor_certificate = bm_buf_view(&device.request.ek_certificate);
    record.certificate = bm_buf_view(&device.request.ek_certificate);
    record.csr = bm_buf_view(&device.request.csr);
    FUZZ_OK(bm_swarm_format_put_vendor(&parts, &contents));
    FUZZ_OK(bm_swarm_format_put_record(&parts, &record));
    record.ek = BM_KEY_RSA2048;
    record.secret = bm_bytes_of(NULL, 0);
    FUZZ_OK(bm_swarm_format_put_record(&parts, &record));
    FUZZ_OK(bm_swarm_format_put_header(&file, 2, BM_SWARM_HEADER_SIZE + parts.size));
    FUZZ_OK(bm_buf_put(&file, bm_buf_view(&parts)));
    seed_choice("swarm", "fleet", 0, bm_buf_view(&file));
    FUZZ_OK(bm_buf_put_str(&file, "left over"));
    seed_choice("swarm", "fleet-killed", 0, bm_buf_view(&file));
    make_device_fini(&device);
}

void seeds_swarm(void)
{
    static const char command[] = "birthmarkd\0-x\0ledger\0";

    seed_fleet();
    seed_choice("swarm", "reply", 1, bm_bytes_str("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nCache-Control: no-store\r\n\r\n{}"));
    seed_choice("swarm", "reply-busy", 1,
                bm_bytes_str("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"));
    seed_choice("swarm", "reply-chunked", 1, bm_bytes_str("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
    seed_choice("swarm", "children", 2, bm_bytes_str("12 345 6 "));
    seed_choice("swarm", "command", 2, bm_bytes_of(command, sizeof(command) - 1));
    seed_choice("swarm", "schedstat", 2, bm_bytes_str("123456789 1 2\n"));
}
