/*
 * fuzz_seeds DIRECTORY: writes the seeds of every target into DIRECTORY/TARGET/. The corpora were made from them (CONTRIBUTING.md, "A fuzz
 * target"); signatures and nonces are other ones in each run.
 */
#include "seeds.h"

#include <errno.h>
#include <sys/stat.h>

static const char *root;

void seed(const char *target, const char *name, bm_bytes bytes)
{
    char path[1024];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", root, target);
    FUZZ_MUST(mkdir(path, 0755) == 0 || errno == EEXIST);
    (void)snprintf(path, sizeof(path), "%s/%s/seed-%s", root, target, name);
    file = fopen(path, "wb");
    FUZZ_MUST(file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fclose(file) == 0);
}

void seed_choice(const char *target, const char *name, uint8_t choice, bm_bytes bytes)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;

    FUZZ_OK(bm_buf_put_u8(&all, choice));
    FUZZ_OK(bm_buf_put(&all, bytes));
    seed(target, name, bm_buf_view(&all));
}

void seed_put_piece(bm_buf *out, bm_bytes bytes)
{
    FUZZ_OK(bm_buf_put_sized16(out, bytes));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "fuzz_seeds DIRECTORY\n");
        return 2;
    }
    root = argv[1];
    FUZZ_MUST(mkdir(root, 0755) == 0 || errno == EEXIST);
    seeds_lib();
    seeds_server();
    seeds_device();
    seeds_swarm();
    seeds_offline();
    return 0;
}
