/*
 * A program that has libbirthmark in it, by its public header alone: what the scenario library.sh asks for.
 *
 *   user STATE TCTI status
 *   user STATE TCTI enroll SERVER CA SERIAL KEY [renew] [stop]  stop: by the progress function, in the third step
 *   user STATE TCTI get CA PORT TLS COUNT [THREADS]             a file from localhost, COUNT times in each thread; TLS is 1.2 or 1.3
 *   user STATE TCTI serve CA PORTFILE                           one connection, to which it says hello and the client's name
 *   user STATE TCTI hold CA FIFO                                one connection for each line of the FIFO, PORT, or +PORT by an SSL_CTX made anew
 *   user STATE TCTI fork CA PORT                                the child's connection must be refused, the parent's succeeds
 *   user STATE TCTI sign CERTIFICATE                            by the key alone: a message, one in pieces, a digest, a request; and what is no digest
 *
 * The default library context must be as it was, and the signals, too: it says when they are not. One that the program holds back waits all the time, and is none of
 * the library's business.
 */
#include <birthmark.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 16

/* What a thread does. */
typedef struct {
    birthmark *identity;
    SSL_CTX *ctx;
    int port;
    int count;
    int failed;
} job;

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static int failure(const birthmark_error *error)
{
    printf("failed %d %s: %s\n", (int)error->code, error->name, error->sentence);
    return error->code;
}

static int status(birthmark *identity)
{
    birthmark_status seen;
    birthmark_error error;

    BIRTHMARK_INIT(seen);
    if (birthmark_get_status(identity, &seen, &error) != BIRTHMARK_OK)
        return failure(&error);
    printf("enrolled=%d complete=%d serial=%s key=%s handle=0x%08x subject=%s ek=%s renewable=%d\n", seen.enrolled, seen.complete, seen.serial, seen.key_type,
           (unsigned)seen.handle, seen.subject, seen.ek_sha256, seen.not_before < seen.renew_after && seen.renew_after < seen.not_after);
    return 0;
}

/* OpenSSL's default library context of this thread. */
static OSSL_LIB_CTX *default_of_thread(void)
{
    return OSSL_LIB_CTX_set0_default(NULL);
}

static int on_progress(void *context, const birthmark_progress *progress)
{
    const int *stop = context;

    /* It runs in the program's OpenSSL, and not in the library's. */
    if (default_of_thread() != OSSL_LIB_CTX_get0_global_default()) {
        printf("progress: another library context\n");
        return 1;
    }
    printf("event %d step %u/%u: %s\n", (int)progress->event, progress->step, progress->steps, progress->text);
    return *stop && progress->step == 3;
}

static int enroll(birthmark *identity, int argc, char **argv)
{
    birthmark_enroll_options options;
    birthmark_error error;
    int stop = 0;
    int issued = -1;

    BIRTHMARK_INIT(options);
    options.server = argv[0];
    options.ca = argv[1];
    options.serial = argv[2];
    options.key = argv[3];
    options.progress = on_progress;
    options.context = &stop;
    for (int i = 4; i < argc; i++) {
        options.renew = options.renew || strcmp(argv[i], "renew") == 0;
        stop = stop || strcmp(argv[i], "stop") == 0;
        if (strcmp(argv[i], "endorsement") == 0)
            options.parent = argv[i];
        if (strcmp(argv[i], "elsewhere") == 0)
            options.handle = 0x81020300u;
        if (strcmp(argv[i], "never") == 0)
            options.persist = argv[i];
    }
    if (birthmark_enroll(identity, &options, &issued, &error) != BIRTHMARK_OK)
        return failure(&error);
    printf("issued=%d\n", issued);
    return 0;
}

static int connect_to(int port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&place, sizeof(place)) == 0)
        return fd;
    perror("connect");
    exit(99);
}

static SSL_CTX *context_of(birthmark *identity, birthmark_role role, const char *ca)
{
    birthmark_tls_options options;
    birthmark_error error;
    SSL_CTX *ctx = NULL;

    BIRTHMARK_INIT(options);
    options.role = role;
    options.ca = ca;
    if (birthmark_get_ssl_ctx(identity, &options, &ctx, &error) != BIRTHMARK_OK)
        exit(failure(&error));
    return ctx;
}

/* One connection of a client: who the server says that we are. */
static int ask(birthmark *identity, SSL_CTX *ctx, int port)
{
    char answer[256] = "";
    birthmark_error error;
    SSL *ssl = SSL_new(ctx);
    int fd = connect_to(port);
    int code = 90;

    ERR_clear_error();
    if (SSL_set_fd(ssl, fd) == 1 && SSL_set1_host(ssl, "localhost") == 1 && SSL_connect(ssl) == 1 && SSL_write(ssl, "who\n", 4) == 4 &&
        SSL_read(ssl, answer, sizeof(answer) - 1) > 0) {
        printf("%s", answer);
        code = 0;
    } else if (birthmark_get_signing_error(identity, &error) != BIRTHMARK_OK) {
        code = failure(&error);
    } else {
        printf("failed 90 tls: ");
        ERR_print_errors_fp(stdout);
        printf("\n");
    }
    SSL_free(ssl);
    close(fd);
    return code;
}

static void *work(void *context)
{
    job *self = context;

    for (int i = 0; i < self->count && self->failed == 0; i++)
        self->failed = ask(self->identity, self->ctx, self->port);
    return NULL;
}

static int get(birthmark *identity, int argc, char **argv)
{
    SSL_CTX *ctx = context_of(identity, BIRTHMARK_CLIENT, argv[0]);
    int threads = argc > 4 ? number(argv[4]) : 1;
    pthread_t thread[THREADS_MAX];
    job jobs[THREADS_MAX];
    int version = strcmp(argv[2], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    int failed = 0;

    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    for (int i = 0; i < threads; i++) {
        jobs[i] = (job){.identity = identity, .ctx = ctx, .port = number(argv[1]), .count = number(argv[3])};
        pthread_create(&thread[i], NULL, work, &jobs[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        failed = failed ? failed : jobs[i].failed;
    }
    SSL_CTX_free(ctx);
    return failed;
}

static int listen_at(const char *portfile)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(place);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FILE *file = fopen(portfile, "w");

    if (file == NULL || bind(fd, (const struct sockaddr *)&place, size) != 0 || listen(fd, 5) != 0 ||
        getsockname(fd, (struct sockaddr *)&place, &size) != 0)
        exit(99);
    fprintf(file, "%d\n", ntohs(place.sin_port));
    fclose(file);
    return fd;
}

static int serve(birthmark *identity, char **argv)
{
    SSL_CTX *ctx = context_of(identity, BIRTHMARK_SERVER_SIDE, argv[0]);
    int listener = listen_at(argv[1]);
    int fd = accept(listener, NULL, NULL);
    SSL *ssl = SSL_new(ctx);
    char name[128] = "";
    char text[256];
    int failed = 1;

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(ssl)), NID_commonName, name, sizeof(name));
        snprintf(text, sizeof(text), "hello %s over %s\n", name, SSL_get_version(ssl));
        failed = SSL_write(ssl, text, (int)strlen(text)) <= 0;
        SSL_shutdown(ssl);
    } else {
        ERR_print_errors_fp(stdout);
    }
    SSL_free(ssl);
    close(fd);
    close(listener);
    SSL_CTX_free(ctx);
    return failed;
}

static int hold(birthmark *identity, char **argv)
{
    SSL_CTX *ctx = context_of(identity, BIRTHMARK_CLIENT, argv[0]);
    FILE *lines = fopen(argv[1], "r");
    char line[64];

    if (lines == NULL)
        return 99;
    while (fgets(line, sizeof(line), lines) != NULL) {
        if (line[0] == '+') {
            SSL_CTX_free(ctx);
            ctx = context_of(identity, BIRTHMARK_CLIENT, argv[0]);
        }
        ask(identity, ctx, number(line));
        fflush(stdout);
    }
    fclose(lines);
    SSL_CTX_free(ctx);
    return 0;
}

static int divide(birthmark *identity, char **argv)
{
    SSL_CTX *ctx = context_of(identity, BIRTHMARK_CLIENT, argv[0]);
    int wstatus = 0;
    pid_t pid = fork();
    int failed;

    if (pid == 0) {
        int code = ask(identity, ctx, number(argv[1]));

        fflush(stdout);
        _exit(code);
    }
    if (waitpid(pid, &wstatus, 0) != pid || !WIFEXITED(wstatus) || WEXITSTATUS(wstatus) != BIRTHMARK_USAGE)
        return 97;
    failed = ask(identity, ctx, number(argv[1]));
    SSL_CTX_free(ctx);
    return failed;
}

static const unsigned char message[] = "a message";

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    if (certificate == NULL)
        exit(99);
    fclose(file);
    return certificate;
}

/* Does the certificate's key say that it is its own? Asked of OpenSSL's default library context, as the other side does. */
static int is_good(EVP_PKEY *public_key, const unsigned char *signature, size_t size, int pss)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    int good = EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, public_key) == 1 && (!pss || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1) &&
               EVP_DigestVerify(ctx, signature, size, message, sizeof(message)) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

static int sign_message(OSSL_LIB_CTX *library, EVP_PKEY *key, EVP_PKEY *public_key, int pieces, int pss)
{
    unsigned char signature[512];
    size_t size = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    int good = EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", library, NULL, key, NULL) == 1 && (!pss || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1);

    if (good && pieces)
        good = EVP_DigestSignUpdate(ctx, message, 3) == 1 && EVP_DigestSignUpdate(ctx, message + 3, sizeof(message) - 3) == 1 &&
               EVP_DigestSignFinal(ctx, signature, &size) == 1;
    else if (good)
        good = EVP_DigestSign(ctx, signature, &size, message, sizeof(message)) == 1;
    EVP_MD_CTX_free(ctx);
    return good && is_good(public_key, signature, size, pss);
}

static int sign_digest(OSSL_LIB_CTX *library, EVP_PKEY *key, EVP_PKEY *public_key, size_t digest_size)
{
    unsigned char digest[64];
    unsigned char signature[512];
    size_t size = sizeof(signature);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(library, key, NULL);
    int good = EVP_Digest(message, sizeof(message), digest, NULL, EVP_sha256(), NULL) == 1 && EVP_PKEY_sign_init(ctx) == 1 &&
               EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 && EVP_PKEY_sign(ctx, signature, &size, digest, digest_size) == 1;

    EVP_PKEY_CTX_free(ctx);
    return good && is_good(public_key, signature, size, 0);
}

/* A request for a certificate, of the program's own. */
static int sign_request(EVP_PKEY *key, EVP_PKEY *public_key)
{
    X509_REQ *request = X509_REQ_new();
    int good = X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
               X509_REQ_set_pubkey(request, public_key) == 1 &&
               X509_REQ_sign(request, key, EVP_sha256()) > 0 && X509_REQ_verify(request, public_key) == 1;

    X509_REQ_free(request);
    return good;
}

static int sign(birthmark *identity, char **argv)
{
    birthmark_error error;
    OSSL_LIB_CTX *library = NULL;
    EVP_PKEY *key = NULL;
    X509 *certificate;
    EVP_PKEY *public_key;
    int rsa;

    if (birthmark_get_pkey(identity, &key, &library, &error) != BIRTHMARK_OK)
        return failure(&error);
    certificate = read_certificate(argv[0]);
    public_key = X509_get0_pubkey(certificate);
    rsa = EVP_PKEY_is_a(key, "RSA");
    printf("bits=%d message=%d pieces=%d pss=%d digest=%d short=%d request=%d\n", EVP_PKEY_get_bits(key), sign_message(library, key, public_key, 0, 0),
           sign_message(library, key, public_key, 1, 0), rsa && sign_message(library, key, public_key, 1, 1), sign_digest(library, key, public_key, 32),
           sign_digest(library, key, public_key, 31), sign_request(key, public_key));
    ERR_print_errors_fp(stdout);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static int run(birthmark *identity, int argc, char **argv)
{
    const char *what = argv[0];

    if (strcmp(what, "status") == 0)
        return status(identity);
    if (strcmp(what, "enroll") == 0 && argc >= 5)
        return enroll(identity, argc - 1, argv + 1);
    if (strcmp(what, "get") == 0 && argc >= 5)
        return get(identity, argc - 1, argv + 1);
    if (strcmp(what, "serve") == 0 && argc == 3)
        return serve(identity, argv + 1);
    if (strcmp(what, "hold") == 0 && argc == 3)
        return hold(identity, argv + 1);
    if (strcmp(what, "fork") == 0 && argc == 3)
        return divide(identity, argv + 1);
    return strcmp(what, "sign") == 0 && argc == 2 ? sign(identity, argv + 1) : 95;
}

/* What the library may not have changed: how signals are handled and blocked, and the default library context. */
static int is_untouched(const sigset_t *mask)
{
    sigset_t now;
    int same = pthread_sigmask(SIG_SETMASK, NULL, &now) == 0;

    for (int i = 1; i < 32; i++) {
        struct sigaction action;

        same = same && sigismember(mask, i) == sigismember(&now, i);
        /* The sanitizers have handlers for what is a crash. */
        if (i != SIGKILL && i != SIGSTOP && i != SIGSEGV && i != SIGBUS && i != SIGFPE && i != SIGILL)
            same = same && sigaction(i, NULL, &action) == 0 && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
    }
    same = same && sigpending(&now) == 0 && sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGPIPE) == 0;
    same = same && default_of_thread() == OSSL_LIB_CTX_get0_global_default();
    return same && OSSL_PROVIDER_available(NULL, "birthmark") == 0 && OSSL_PROVIDER_available(NULL, "default") == 1;
}

int main(int argc, char **argv)
{
    birthmark_options options;
    birthmark_error error;
    birthmark *identity = NULL;
    sigset_t mask;
    int code;

    if (argc < 4)
        return 95;
    setenv("TSS2_LOG", "all+NONE", 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    raise(SIGTERM);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    BIRTHMARK_INIT(options);
    options.state = argv[1];
    options.tcti = argv[2];
    options.key_auth = getenv("USER_KEY_AUTH");
    if (birthmark_open(&options, &identity, &error) != BIRTHMARK_OK)
        return failure(&error);
    code = run(identity, argc - 3, argv + 3);
    birthmark_close(identity);
    if (!is_untouched(&mask)) {
        printf("the library changed the process\n");
        return 94;
    }
    return code;
}
