#include "count_verify.h"

#include "unit.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <string.h>

#define ALGORITHMS_MAX 64
#define FUNCTIONS_MAX 64

typedef int (*finish)(void *context, const unsigned char *signature, size_t size);

/* An algorithm whose verifications are counted: what OpenSSL's own provider has, with one function exchanged. */
typedef struct {
    OSSL_DISPATCH functions[FUNCTIONS_MAX];
    finish real;
} counted;

static OSSL_PROVIDER *real_provider; /* in a library context of its own */
static OSSL_ALGORITHM signatures[ALGORITHMS_MAX];
static counted rsa;
static counted ecdsa;
static unsigned verified;

static int finish_rsa(void *context, const unsigned char *signature, size_t size)
{
    verified++;
    return rsa.real(context, signature, size);
}

static int finish_ecdsa(void *context, const unsigned char *signature, size_t size)
{
    verified++;
    return ecdsa.real(context, signature, size);
}

static void exchange(OSSL_ALGORITHM *algorithm, counted *own, finish counting)
{
    size_t i = 0;

    for (; algorithm->implementation[i].function_id != 0; i++) {
        assert_true(i + 1 < FUNCTIONS_MAX);
        own->functions[i] = algorithm->implementation[i];
        if (own->functions[i].function_id == OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL) {
            own->real = (finish)own->functions[i].function;
            own->functions[i].function = (void (*)(void))counting;
        }
    }
    assert_true(own->real != NULL);
    algorithm->implementation = own->functions;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(real_provider, operation, no_cache);
    size_t i = 0;

    (void)context;
    if (operation != OSSL_OP_SIGNATURE)
        return all;
    for (; all[i].algorithm_names != NULL; i++) {
        assert_true(i + 1 < ALGORITHMS_MAX);
        signatures[i] = all[i];
        if (strncmp(all[i].algorithm_names, "RSA:", 4) == 0)
            exchange(&signatures[i], &rsa, finish_rsa);
        if (strcmp(all[i].algorithm_names, "ECDSA") == 0)
            exchange(&signatures[i], &ecdsa, finish_ecdsa);
    }
    signatures[i] = (OSSL_ALGORITHM){NULL, NULL, NULL, NULL};
    return signatures;
}

static int begin_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

    (void)handle;
    (void)in;
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(real_provider);
    return 1;
}

void count_verify_begin(void)
{
    real_provider = OSSL_PROVIDER_load(OSSL_LIB_CTX_new(), "default");
    assert_non_null(real_provider);
    assert_int_equal(OSSL_PROVIDER_add_builtin(NULL, "counting", begin_provider), 1);
    assert_non_null(OSSL_PROVIDER_load(NULL, "counting"));
    (void)count_verify();
}

unsigned count_verify(void)
{
    unsigned before = verified;

    verified = 0;
    return before;
}
