/*
 * Hands the corpus of a fuzz target to it behind the filter of a process that runs its code:
 *
 *   shut server|ledger|keeper|worker DIRECTORY [each]
 *
 * The process warms up and shuts itself in as it does in earnest. If an input makes it ask the kernel for more, the kernel ends it (SIGSYS), as
 * whoever sends that input could end the real one. With `each`, each input has a process of its own: what fuzz_prepare made is good for one.
 */
#include "fuzz.h"

#include "ctl/batch_sandbox.h"
#include "server/sandbox.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define INPUTS_MAX 4096
#define NAME_SIZE 4096

/* What is to be handed to the target, all of it read before anything is shut. */
typedef struct {
    bool worker; /* of birthmarkctl batch; else a process of birthmarkd */
    bm_process process;
    bool each;
    char **names;
    bm_bytes *inputs;
    size_t count;
    volatile size_t *at; /* the input that has its turn; seen by both processes */
} shut;

static bm_bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *bytes;

    FUZZ_MUST(file != NULL && fstat(fileno(file), &about) == 0);
    bytes = malloc(about.st_size > 0 ? (size_t)about.st_size : 1);
    FUZZ_MUST(bytes != NULL && fread(bytes, 1, (size_t)about.st_size, file) == (size_t)about.st_size);
    (void)fclose(file);
    return bm_bytes_of(bytes, (size_t)about.st_size);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_corpus(const char *path, shut *what)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);

    FUZZ_MUST(count > 0 && count <= INPUTS_MAX);
    what->names = calloc((size_t)count, sizeof(*what->names));
    what->inputs = calloc((size_t)count, sizeof(*what->inputs));
    FUZZ_MUST(what->names != NULL && what->inputs != NULL);
    for (int i = 0; i < count; i++) {
        FUZZ_MUST(asprintf(&what->names[i], "%s/%s", path, entries[i]->d_name) > 0);
        what->inputs[i] = read_file(what->names[i]);
        free(entries[i]);
    }
    free(entries);
    what->count = (size_t)count;
}

static void free_corpus(shut *what)
{
    for (size_t i = 0; i < what->count; i++) {
        free(what->names[i]);
        free((void *)(uintptr_t)what->inputs[i].data);
    }
    free(what->names);
    free(what->inputs);
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

/* The process: from `first` on, `count` inputs. It leaves nothing to be done at its end, which a filter may forbid. */
static void work(const shut *what, size_t first, size_t count)
{
    if (fuzz_prepare != NULL)
        fuzz_prepare();
    FUZZ_OK(what->worker ? bm_ctl_batch_sandbox_enter() : bm_sandbox_enter(what->process));
    for (size_t i = first; i < first + count; i++) {
        *what->at = i;
        FUZZ_MUST(LLVMFuzzerTestOneInput(what->inputs[i].data, what->inputs[i].size) == 0);
    }
    _exit(0);
}

/* Runs a process, with a directory of its own for its files; says how it ended when that is no good end. */
static bool run(const shut *what, size_t first, size_t count)
{
    char directory[64];
    int status;
    pid_t pid;

    fuzz_directory(directory, sizeof(directory));
    *what->at = first;
    pid = fork();
    FUZZ_MUST(pid >= 0);
    if (pid == 0) {
        FUZZ_MUST(setenv("TMPDIR", directory, 1) == 0);
        work(what, first, count);
    }
    FUZZ_MUST(waitpid(pid, &status, 0) == pid);
    FUZZ_MUST(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        (void)printf("%s: ended by signal %d%s\n", what->names[*what->at], WTERMSIG(status),
                     WTERMSIG(status) == SIGSYS ? " (SIGSYS): a system call that the filter does not allow" : "");
    else
        (void)printf("%s: ended with %d\n", what->names[*what->at], WEXITSTATUS(status));
    return false;
}

static bool run_all(const shut *what)
{
    bool good = true;

    if (!what->each)
        return run(what, 0, what->count);
    for (size_t i = 0; i < what->count; i++)
        good = run(what, i, 1) && good;
    return good;
}

int main(int argc, char **argv)
{
    shut what = {0};
    void *shared = mmap(NULL, sizeof(*what.at), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool good;

    FUZZ_MUST(argc >= 3 && shared != MAP_FAILED);
    what.at = shared;
    what.worker = strcmp(argv[1], "worker") == 0;
    if (!what.worker)
        FUZZ_OK(bm_process_by_name(argv[1], &what.process));
    what.each = argc > 3;
    read_corpus(argv[2], &what);
    good = run_all(&what);
    if (good)
        (void)printf("%zu inputs behind the filter of the %s\n", what.count, argv[1]);
    free_corpus(&what);
    (void)munmap(shared, sizeof(*what.at));
    return good ? 0 : 1;
}
