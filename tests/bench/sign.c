/* How long the TPM takes for signatures one after the other, as the tunnel's signer has them made: bench_sign TCTI STATE COUNT prints milliseconds. */
#include "device/tls/signer.h"
#include "device/tunnel/ours.h"
#include "program/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static BM_RESULT sign_all(bm_tls_signer *signer, const char *state, long count)
{
    bm_tunnel_ours ours = {.count = 0};
    bm_tls_wish wish = {.scheme = BM_TLS_ECDSA, .hash = BM_HASH_SHA256, .digest = {.size = BM_SHA256_SIZE}};

    BM_TRY(bm_tunnel_ours_look(&ours, state));
    wish.handle = ours.keys[0].handle;
    memcpy(wish.key, ours.keys[0].key, sizeof(wish.key));
    for (long i = 0; i < count; i++) {
        BM_AUTO_BUF signature = BM_BUF_EMPTY;

        wish.digest.bytes[0] = (uint8_t)i;
        BM_TRY(bm_tls_signer_sign(signer, &wish, &signature));
    }
    return bm_ok();
}

int main(int argc, char **argv)
{
    bm_tls_signer signer = {.tcti = argc == 4 ? argv[1] : NULL, .state = argc == 4 ? argv[2] : NULL};
    int64_t start = bm_clock_ns();
    bm_result result = argc == 4 ? sign_all(&signer, argv[2], strtol(argv[3], NULL, 10)) : bm_fail(BM_E_USAGE, NULL);

    printf("%.1f\n", (double)(bm_clock_ns() - start) / 1e6);
    bm_tls_signer_close(&signer);
    if (result.code != BM_OK)
        (void)fprintf(stderr, "%s\n", bm_code_name(result.code));
    return result.code == BM_OK ? 0 : 1;
}
