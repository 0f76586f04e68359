/*
 * Hands files to a fuzz target: replay FILE|DIRECTORY... A directory's files in the order of their names. Each has memory of its own of
 * exactly its size, so that a sanitizer sees a read beyond it.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static void feed(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *bytes;

    FUZZ_MUST(file != NULL && fstat(fileno(file), &about) == 0);
    bytes = malloc(about.st_size > 0 ? (size_t)about.st_size : 1);
    FUZZ_MUST(bytes != NULL && fread(bytes, 1, (size_t)about.st_size, file) == (size_t)about.st_size);
    (void)fclose(file);
    FUZZ_MUST(LLVMFuzzerTestOneInput(bytes, (size_t)about.st_size) == 0);
    free(bytes);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Says each name before its turn, into a line that a crash leaves behind. */
static int feed_directory(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);

    for (int i = 0; i < count; i++) {
        char name[4096];

        (void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        free(entries[i]);
        (void)printf("%s\n", name);
        (void)fflush(stdout);
        feed(name);
    }
    free(entries);
    return count;
}

int main(int argc, char **argv)
{
    int fed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat about;

        FUZZ_MUST(stat(argv[i], &about) == 0);
        if (S_ISDIR(about.st_mode)) {
            fed += feed_directory(argv[i]);
        } else {
            feed(argv[i]);
            fed++;
        }
    }
    (void)printf("%d inputs\n", fed);
    return fed > 0 ? 0 : 1;
}
