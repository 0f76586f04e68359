/*
 * Devices in software, one after the other without a pause: what a server does in a burst, without the time of a TPM.
 *
 *   bench_devices vendor KEY.pem CERT.pem             make a TPM vendor's CA
 *   bench_devices run URL CA KEY CERT EK IK COUNT     for each byte of the standard input, provision COUNT times: TLS handshake,
 *                                                     getChallenge, getCertificate
 */
#include "../swarm/swarm_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL 2 /* devices that take turns: their keys are made before the clock runs */

static void provision(CURL *client, const char *url, swarm_device *device)
{
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;
    swarm_reply reply;

    if (swarm_challenge(client, url, device, &reply) != SWARM_DONE ||
        swarm_certificate(client, url, device, &certificate, &reply) != SWARM_DONE) {
        (void)fprintf(stderr, "bench_devices: %s\n", reply.error);
        exit(1);
    }
}

static int run(char **argv)
{
    bm_ek_template_id template = strcmp(argv[6], "rsa2048") == 0 ? BM_EK_L1 : BM_EK_L2;
    bm_key_type ik = bm_pubkey_type_by_name(bm_bytes_str(argv[7]));
    long count = strtol(argv[8], NULL, 10);
    CURL *client = swarm_client(argv[3]);
    swarm_device devices[POOL];
    make_vendor vendor;

    swarm_read_vendor(argv[4], argv[5], &vendor);
    for (int i = 0; i < POOL; i++) {
        char serial[32];

        (void)snprintf(serial, sizeof(serial), "%s-%d-%ld", bm_template_ek(template)->label, i, (long)getpid());
        swarm_device_init(&devices[i], &vendor, template, ik, serial);
    }
    for (int i = 0; i < POOL; i++) /* warm */
        provision(client, argv[2], &devices[i]);
    (void)printf("ready\n");
    (void)fflush(stdout);
    while (getchar() != EOF) {
        for (long i = 0; i < count; i++)
            provision(client, argv[2], &devices[i % POOL]);
        (void)printf("done\n");
        (void)fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "vendor") == 0)
        return swarm_write_vendor(argv[2], argv[3]) ? 0 : 1;
    if (argc == 9 && strcmp(argv[1], "run") == 0)
        return run(argv);
    (void)fprintf(stderr, "usage: bench_devices vendor KEY CERT | run URL CA KEY CERT EK IK COUNT\n");
    return 2;
}
