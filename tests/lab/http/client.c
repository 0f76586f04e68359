/*
 * One request of the exchange, made from files, for scenarios that tamper with it. It has nothing of ours, so that it can be wrong in no way
 * in which we are.
 *
 *     client challenge|certificate DIR URL CAFILE
 *     client body challenge|certificate DIR
 *
 * DIR holds each field of the request in a file of the field's name: csr, ik_public, ek_public, ek_certificate, ek_chain.0 (.1 ...), challenge
 * and ticket as bytes, profile as text. A file that is not there is a field that is not sent. DIR/extra.json, if there, is an object whose
 * members are put over the request's.
 *
 * Exit 0: the answer's fields are in DIR (credential_blob, encrypted_secret, challenge, expires; device.crt, chain.crt), and all of it in
 * answer.json. Exit 1: the server refused: DIR/problem.json, and the problem's code in DIR/code. Exit 2: anything else. `body` writes the
 * request to standard output.
 */
#include <curl/curl.h>
#include <glob.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)32 << 20)

typedef struct {
    char *data; /* with a NUL behind it */
    size_t size;
} text;

static _Noreturn void die(const char *what, const char *detail)
{
    (void)printf("client: %s%.600s\n", what, detail);
    exit(2);
}

static void *need(void *made)
{
    if (made == NULL)
        die("out of memory", "");
    return made;
}

static void in(const char *folder, const char *name, char path[4096])
{
    (void)snprintf(path, 4096, "%s/%s", folder, name);
}

static void put(text *out, const char *data, size_t size)
{
    out->data = need(realloc(out->data, out->size + size + 1));
    memcpy(out->data + out->size, data, size);
    out->size += size;
    out->data[out->size] = 0;
}

/* A file's content; false when there is none. In pieces: meson has every allocation filled (MALLOC_PERTURB_), and one of 32 MiB takes its time. */
static bool read_file(const char *path, text *out)
{
    FILE *file = fopen(path, "r");
    char piece[65536];
    size_t size;

    if (file == NULL)
        return false;
    *out = (text){.data = NULL};
    put(out, "", 0);
    while (out->size < FILE_MAX && (size = fread(piece, 1, sizeof(piece), file)) > 0)
        put(out, piece, size);
    (void)fclose(file);
    return true;
}

static void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[4096];
    FILE *file;

    in(folder, name, path);
    file = fopen(path, "w");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        die("cannot write ", path);
}

static struct json_object *base64_of(const char *path)
{
    text content;
    unsigned char *encoded;
    struct json_object *string;
    int size;

    if (!read_file(path, &content))
        return NULL;
    encoded = need(malloc(content.size / 3 * 4 + 5));
    size = EVP_EncodeBlock(encoded, (const unsigned char *)content.data, (int)content.size);
    string = need(json_object_new_string_len((const char *)encoded, size));
    free(encoded);
    free(content.data);
    return string;
}

static void put_chain(struct json_object *body, const char *folder)
{
    struct json_object *chain = json_object_new_array();
    char path[4096];
    glob_t found;

    in(folder, "ek_chain.*", path);
    if (glob(path, 0, NULL, &found) != 0) {
        json_object_put(chain);
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        (void)json_object_array_add(chain, base64_of(found.gl_pathv[i]));
    globfree(&found);
    (void)json_object_object_add(body, "ek_chain", chain);
}

/* The members of DIR/extra.json over those that are there. */
static void put_extra(struct json_object *body, const char *folder)
{
    struct json_object_iterator at, end;
    struct json_object *extra;
    char path[4096];
    text content;

    in(folder, "extra.json", path);
    if (!read_file(path, &content))
        return;
    extra = json_tokener_parse(content.data);
    if (!json_object_is_type(extra, json_type_object))
        die("extra.json is no object", "");
    end = json_object_iter_end(extra);
    for (at = json_object_iter_begin(extra); !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        (void)json_object_object_add(body, json_object_iter_peek_name(&at), json_object_get(json_object_iter_peek_value(&at)));
    json_object_put(extra);
    free(content.data);
}

static struct json_object *make_body(bool second, const char *folder)
{
    static const char *const names[] = {"csr", "ik_public", "ek_public", "ek_certificate", "challenge", "ticket"};
    struct json_object *body = need(json_object_new_object());
    char path[4096];
    text profile;

    for (size_t i = 0; i < (second ? 6 : 4); i++) {
        struct json_object *field;

        in(folder, names[i], path);
        field = base64_of(path);
        if (field != NULL)
            (void)json_object_object_add(body, names[i], field);
    }
    put_chain(body, folder);
    in(folder, "profile", path);
    if (read_file(path, &profile)) {
        size_t size = strcspn(profile.data, "\r\n");

        (void)json_object_object_add(body, "profile", json_object_new_string_len(profile.data, (int)size));
        free(profile.data);
    }
    put_extra(body, folder);
    return body;
}

static size_t receive(char *data, size_t one, size_t count, void *context)
{
    text *reply = context;

    if (count > FILE_MAX - reply->size)
        return 0;
    put(reply, data, one * count);
    return one * count;
}

/* The status and the body of the reply; `kind` is the content type. */
static long post(const char *url, const char *method, const char *authority, const char *body, char kind[128], text *reply)
{
    CURL *curl = need(curl_easy_init());
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    size_t length = strlen(url);
    char whole[4096], why[CURL_ERROR_SIZE] = "";
    const char *type = NULL;
    long status = 0;

    while (length > 0 && url[length - 1] == '/')
        length--;
    (void)snprintf(whole, sizeof(whole), "%.*s/v1/%s", (int)length, url, method);
    headers = curl_slist_append(headers, "Expect:");
    *reply = (text){.data = NULL};
    put(reply, "", 0);
    (void)curl_easy_setopt(curl, CURLOPT_URL, whole);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    if (curl_easy_perform(curl) != CURLE_OK)
        die("", why);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    (void)snprintf(kind, 128, "%s", type != NULL ? type : "");
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

static const char *member(struct json_object *object, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* An RFC 9457 problem document, and nothing else, is a proper refusal. */
static int refused(const char *folder, long status, const char *kind, const text *reply)
{
    struct json_object *problem = json_tokener_parse(reply->data);
    const char *code = member(problem, "code");
    const char *sentence = member(problem, "detail") != NULL ? member(problem, "detail") : member(problem, "title");
    struct json_object *says;
    char line[256];

    if (strncmp(kind, "application/problem+json", strlen("application/problem+json")) != 0)
        die("the answer is no problem document: ", reply->data);
    if (code == NULL || code[0] == 0 || sentence == NULL || sentence[0] == 0 ||
        (json_object_object_get_ex(problem, "status", &says) && json_object_get_int64(says) != status))
        die("not a proper problem document: ", reply->data);
    write_file(folder, "problem.json", reply->data, reply->size);
    write_file(folder, "code", line, (size_t)snprintf(line, sizeof(line), "%s\n", code));
    (void)printf("refused: %s: %s\n", code, sentence);
    json_object_put(problem);
    return 1;
}

/* A member of the answer: its name, and the types that it may have. */
typedef struct {
    const char *name;
    json_type one, other;
} promise;

static const promise first_answer[] = {{"credential_blob", json_type_string, json_type_string},
                                       {"encrypted_secret", json_type_string, json_type_string},
                                       {"challenge", json_type_string, json_type_string},
                                       {"expires", json_type_string, json_type_int}};
static const promise second_answer[] = {{"certificate", json_type_string, json_type_string},
                                        {"chain", json_type_array, json_type_array},
                                        {"device", json_type_string, json_type_object},
                                        {"renew_after", json_type_string, json_type_int}};

/* Every promised member is there with its type, and no other. */
static void check(struct json_object *answer, const promise promises[4], const text *reply)
{
    for (size_t i = 0; i < 4; i++) {
        struct json_object *value;

        if (!json_object_object_get_ex(answer, promises[i].name, &value) ||
            (!json_object_is_type(value, promises[i].one) && !json_object_is_type(value, promises[i].other)))
            die("the answer lacks a member, or it is of another type: ", reply->data);
    }
    if (json_object_object_length(answer) != 4)
        die("the answer has unknown members: ", reply->data);
}

static void write_decoded(const char *folder, const char *name, const char *encoded)
{
    size_t size = strlen(encoded), padding = 0;
    unsigned char *decoded = need(malloc(size + 1));
    int rc = size % 4 != 0 ? -1 : EVP_DecodeBlock(decoded, (const unsigned char *)encoded, (int)size);

    while (padding < 2 && padding < size && encoded[size - 1 - padding] == '=')
        padding++;
    if (rc < 0)
        die("the answer has no base64 in ", name);
    write_file(folder, name, decoded, (size_t)rc - padding);
    free(decoded);
}

static void write_certificates(const char *folder, struct json_object *answer)
{
    struct json_object *chain = json_object_object_get(answer, "chain");
    char path[4096];
    FILE *file;

    write_file(folder, "device.crt", member(answer, "certificate"), strlen(member(answer, "certificate")));
    in(folder, "chain.crt", path);
    file = need(fopen(path, "w"));
    for (size_t i = 0; i < json_object_array_length(chain); i++)
        (void)fputs(json_object_get_string(json_object_array_get_idx(chain, i)), file);
    if (fclose(file) != 0)
        die("cannot write ", path);
}

static int accepted(bool second, const char *folder, const text *reply)
{
    struct json_object *answer = json_tokener_parse(reply->data);
    char line[128];

    if (!json_object_is_type(answer, json_type_object))
        die("the answer is no object: ", reply->data);
    check(answer, second ? second_answer : first_answer, reply);
    if (second) {
        write_certificates(folder, answer);
    } else {
        for (size_t i = 0; i < 3; i++)
            write_decoded(folder, first_answer[i].name, member(answer, first_answer[i].name));
        write_file(folder, "expires", line,
                   (size_t)snprintf(line, sizeof(line), "%s\n", json_object_get_string(json_object_object_get(answer, "expires"))));
    }
    write_file(folder, "answer.json", reply->data, reply->size);
    json_object_put(answer);
    return 0;
}

static int ask(bool second, const char *folder, const char *url, const char *authority)
{
    static const char *const stale[] = {"problem.json", "code", "answer.json"};
    struct json_object *body;
    char path[4096], kind[128];
    text reply;
    long status;
    int rc;

    for (size_t i = 0; i < 3; i++) {
        in(folder, stale[i], path);
        (void)unlink(path);
    }
    body = make_body(second, folder);
    status = post(url, second ? "getCertificate" : "getChallenge", authority, json_object_to_json_string_ext(body, JSON_C_TO_STRING_NOSLASHESCAPE), kind, &reply);
    rc = status == 200 ? accepted(second, folder, &reply) : refused(folder, status, kind, &reply);
    json_object_put(body);
    free(reply.data);
    return rc;
}

/* Which call this word names. */
static bool is_second(const char *word)
{
    if (strcmp(word, "challenge") != 0 && strcmp(word, "certificate") != 0)
        die("the calls are challenge and certificate, not ", word);
    return strcmp(word, "certificate") == 0;
}

int main(int argc, char **argv)
{
    struct json_object *body;

    if (argc == 5 && strcmp(argv[1], "body") != 0)
        return ask(is_second(argv[1]), argv[2], argv[3], argv[4]);
    if (argc != 4 || strcmp(argv[1], "body") != 0)
        die("client challenge|certificate DIR URL CAFILE, or client body challenge|certificate DIR", "");
    body = make_body(is_second(argv[2]), argv[3]);
    (void)fputs(json_object_to_json_string_ext(body, JSON_C_TO_STRING_NOSLASHESCAPE), stdout);
    json_object_put(body);
    return fflush(stdout) == 0 ? 0 : 2;
}
