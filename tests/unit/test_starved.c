/* Memory that runs out at each allocation of a request, in what server, keeper and ledger do with it. */
#include "make_device.h"
#include "starve.h"
#include "unit_store.h"

#include "protocol/reply.h"
#include "protocol/verdict.h"
#include "server/keeper_requests.h"
#include "server/message.h"
#include "tpm/credential.h"
#include "x509/issue.h"

#define TICKET_UNTIL (MAKE_NOW + 300)

/* A CA, its keeper and its database, and a device with the bodies of its two calls. */
typedef struct {
    EVP_PKEY *root_key;
    X509 *root;
    make_vendor vendor;
    bm_anchors *anchors;
    make_device device;
    bm_profile profile;
    bm_buf challenge_body, certificate_body;
    bm_code verdict; /* on that body */
    bm_pkey *ca_key;
    bm_buf ca_der;
    bm_keeper keeper;
    bm_ticket_fields fields;
    uint8_t ticket[BM_TICKET_SIZE];
    bm_buf tbs, issue_request;
    fixture *database;
    unsigned number;   /* of the device to record */
    uint64_t recorded; /* devices that are */
} scene;

static const char passphrase[] = "a passphrase of the tests";

static void make_vendor_of(scene *s)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    s->root_key = make_key(BM_KEY_RSA2048);
    s->vendor.key = make_key(BM_KEY_ECC256);
    s->root = make_x509(&(make_options){.key = s->root_key, .name = "Vendor root", .options = make_ca_extensions});
    s->vendor.certificate = make_x509(&(make_options){
        .key = s->vendor.key, .name = "Vendor", .issuer = s->root, .signer = s->root_key, .options = make_ca_extensions});
    make_der(s->root, &der);
    assert_ok(bm_anchors_new(&s->anchors));
    assert_ok(bm_anchors_add(s->anchors, bm_buf_view(&der), BM_CLASS_DISCRETE));
}

static void make_keeper_of(scene *s)
{
    BM_AUTO_BUF ca_sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket_sealed = BM_BUF_EMPTY;
    bm_ca_options options = {.common_name = "CA", .not_before = MAKE_NOW - 1000, .not_after = MAKE_NOW + 1000000, .serial = {1, 2}};

    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &s->ca_key));
    assert_ok(bm_ca_self_signed(s->ca_key, &options, &s->ca_der));
    assert_ok(bm_keys_file_seal_ca(bm_bytes_str(passphrase), BM_CIPHER_RANDOM, s->ca_key, &ca_sealed));
    assert_ok(bm_keys_file_new_ticket(bm_bytes_str(passphrase), BM_CIPHER_RANDOM, &ticket_sealed));
    assert_ok(bm_keeper_requests_init(&s->keeper, &(bm_keeper_options){.passphrase = bm_bytes_str(passphrase),
                                                                       .ca_key = bm_buf_view(&ca_sealed),
                                                                       .ticket_keys = bm_buf_view(&ticket_sealed),
                                                                       .ca = bm_buf_view(&s->ca_der),
                                                                       .ticket_lifetime = TICKET_UNTIL - MAKE_NOW}));
}

/* What the server does with getChallenge, from the body to the ticket's fields, or with getCertificate up to the decision. */
static BM_RESULT judge_body(scene *s, bm_call call, bm_request *request, bm_subject *subject)
{
    bm_verdict_record unknown = {0};
    char identity[BM_IDENTITY_MAX + 1];

    BM_TRY(bm_request_parse(call, bm_buf_view(call == BM_CALL_CHALLENGE ? &s->challenge_body : &s->certificate_body), request));
    BM_TRY(bm_verdict_parse(request, subject));
    BM_TRY(bm_verdict_judge(request, &s->profile, s->anchors, MAKE_NOW, call == BM_CALL_CHALLENGE ? BM_JUDGE_ALL : BM_JUDGE_AGAIN,
                            subject));
    return bm_verdict_decide(subject, &s->profile, &unknown, identity);
}

static BM_RESULT challenge(scene *s)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {0};
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge read = {0};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(judge_body(s, BM_CALL_CHALLENGE, &request, &subject));
    BM_TRY(bm_credential_make(&subject.ek, subject.ek_key, bm_tpm_public_name_view(&subject.ik_name), BM_BYTES_ARRAY(s->ticket),
                              &reply.credential_blob, &reply.encrypted_secret));
    BM_TRY(bm_ticket_put_challenge(&reply.challenge, &s->fields));
    reply.expires = TICKET_UNTIL;
    BM_TRY(bm_reply_challenge_put(&reply, &body));
    return bm_reply_challenge_parse(bm_buf_view(&body), &read);
}

static BM_RESULT put_tbs(scene *s, const bm_subject *subject, bm_buf *tbs)
{
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    bm_issue_fields issue = {.serial = {1}, .key = &subject->ik.key, .not_before = MAKE_NOW - 60, .not_after = MAKE_NOW + 1000};

    BM_TRY(bm_profile_put_subject(&name, &s->profile, "SN-1", subject->ek_sha256));
    issue.subject = bm_buf_view(&name);
    return bm_issue_put_tbs(tbs, &s->keeper.ca, s->keeper.alg, &issue);
}

static BM_RESULT certificate_call(scene *s)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate reply = {.device = "SN-1", .chain_count = 1};
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_issued issued;

    BM_TRY(judge_body(s, BM_CALL_CERTIFICATE, &request, &subject));
    BM_TRY(put_tbs(s, &subject, &tbs));
    BM_TRY(bm_issue_assemble(&reply.certificate, bm_buf_view(&tbs), s->keeper.alg, BM_BYTES_ARRAY(s->ticket)));
    BM_TRY(bm_verdict_put_evidence(&evidence, &request, &subject));
    BM_TRY(bm_result_as(bm_issue_parse(bm_buf_view(&reply.certificate), &issued), BM_E_INTERNAL));
    BM_TRY(bm_buf_put(&reply.chain[0], bm_buf_view(&s->ca_der)));
    return bm_reply_certificate_put(&reply, &body);
}

/* What the keeper answers; its error is the result. */
static BM_RESULT ask_keeper(scene *s, bm_bytes request)
{
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_message message;
    bm_result error = bm_ok();

    BM_TRY(bm_keeper_requests_answer(&s->keeper, request, MAKE_NOW, &reply));
    BM_TRY(bm_message_open(bm_buf_view(&reply), &message));
    if (message.type == BM_MSG_ERROR)
        BM_TRY(bm_message_take_error(&message, &error));
    return error;
}

static BM_RESULT ticket(scene *s)
{
    BM_AUTO_BUF request = BM_BUF_EMPTY;

    BM_TRY(bm_message_begin(&request, BM_MSG_TICKET, 1));
    BM_TRY(bm_ticket_put_message(&request, &s->fields));
    return ask_keeper(s, bm_buf_view(&request));
}

static BM_RESULT issue(scene *s)
{
    return ask_keeper(s, bm_buf_view(&s->issue_request));
}

static BM_RESULT look_up(scene *s)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate first = certificate(1, 1, "SN-1");
    bm_store_lookup found;

    BM_TRY(bm_store_look_up(s->database->store, first.ek_sha256, first.identity, &found));
    return bm_store_find_request(s->database->store, first.request_id, &der);
}

/* A new device for each number. */
static bm_store_certificate record_of(const scene *s)
{
    char name[32];
    bm_store_certificate made;

    (void)snprintf(name, sizeof(name), "SN-%u", s->number);
    made = certificate(s->number, (uint8_t)s->number, name);
    made.ek_sha256[1] = (uint8_t)(s->number >> 8);
    return made;
}

static BM_RESULT record_issue(scene *s)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store *store = s->database->store;
    bm_store_certificate made = record_of(s);
    bm_result result;

    BM_TRY(bm_store_begin(store));
    result = bm_store_record_issue(store, &made, &der);
    if (result.code == BM_OK)
        result = bm_store_commit(store);
    if (result.code != BM_OK)
        bm_store_rollback(store);
    return result;
}

/* The second call's body, and what the server asks of the keeper then. */
static void prepare_second_call(scene *s)
{
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    assert_ok(bm_verdict_parse(&s->device.request, &subject));
    s->fields = subject.fields;
    s->fields.key_id = bm_keys_ticket_key_id(s->keeper.keys);
    s->fields.expires = TICKET_UNTIL;
    assert_ok(bm_ticket_put_message(&message, &s->fields));
    assert_ok(bm_keys_ticket_mac(s->keeper.keys, s->fields.key_id, bm_buf_view(&message), s->ticket));
    assert_ok(bm_ticket_put_challenge(&s->device.request.challenge, &s->fields));
    assert_ok(bm_buf_put(&s->device.request.ticket, BM_BYTES_ARRAY(s->ticket)));
    assert_ok(bm_request_put(BM_CALL_CERTIFICATE, &s->device.request, &s->certificate_body));
    assert_ok(put_tbs(s, &subject, &s->tbs));
    assert_ok(bm_message_begin(&s->issue_request, BM_MSG_ISSUE, 1));
    assert_ok(bm_buf_put(&s->issue_request, bm_buf_view(&message)));
    assert_ok(bm_buf_put(&s->issue_request, BM_BYTES_ARRAY(s->ticket)));
    assert_ok(bm_buf_put_sized32(&s->issue_request, bm_buf_view(&s->tbs)));
}

static int begin(void **state)
{
    scene *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    make_vendor_of(s);
    make_keeper_of(s);
    s->profile = (bm_profile){.name = "default", .trust = BM_TRUST_CERTIFICATE, .identity = BM_IDENTITY_CLAIM, .validity = 31536000,
                              .ticket_lifetime = 300};
    s->profile.classes[BM_CLASS_DISCRETE] = true;
    s->profile.ik_keys[BM_KEY_ECC256] = true;
    s->profile.ik_keys[BM_KEY_RSA2048] = true;
    assert_ok(bm_profile_parse_subject(bm_bytes_str("CN=%i, serialNumber=%i"), &s->profile));
    make_device_init(&s->device, &s->vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    prepare_second_call(s);
    assert_int_equal(fixture_begin((void **)&s->database), 0);
    *state = s;
    return 0;
}

static int end(void **state)
{
    scene *s = *state;

    make_device_fini(&s->device);
    bm_anchors_free(s->anchors);
    X509_free(s->vendor.certificate);
    X509_free(s->root);
    EVP_PKEY_free(s->vendor.key);
    EVP_PKEY_free(s->root_key);
    bm_keeper_requests_fini(&s->keeper);
    bm_pkey_free(s->ca_key);
    bm_buf_fini(&s->ca_der);
    bm_buf_fini(&s->challenge_body);
    bm_buf_fini(&s->certificate_body);
    bm_buf_fini(&s->tbs);
    bm_buf_fini(&s->issue_request);
    assert_int_equal(fixture_end((void **)&s->database), 0);
    free(s);
    return 0;
}

/*
 * Each allocation fails, alone and with the hundred behind it: it ends as it does with memory (`verdict`), or says that memory ran out; so
 * nobody is let in, and nobody is refused, for want of memory.
 */
static void starve(scene *s, const char *what, BM_RESULT (*work)(scene *), void (*look)(scene *, bm_result))
{
    static const unsigned long counts[] = {1, 100};
    unsigned long bad = 0;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (unsigned long first = 1;; first++) {
            unsigned long failed;
            bm_result result;

            s->number++;
            starve_begin(first, counts[i]);
            result = work(s);
            failed = starve_end();
            if (look != NULL)
                look(s, result);
            if (result.code != s->verdict && result.code != BM_E_NO_MEMORY) {
                print_message("%s, allocation %lu (and %lu behind it): %s (%s)\n", what, first, counts[i] - 1, bm_code_name(result.code),
                              result.detail != NULL ? result.detail : "");
                bad++;
            }
            if (failed == 0) {
                assert_code(result, s->verdict);
                assert_true(first > 1);
                break;
            }
        }
        s->number++;
        assert_code(work(s), s->verdict);
        if (look != NULL)
            look(s, bm_ok());
    }
    assert_int_equal(bad, 0);
}

/* getChallenge by this device, with this verdict. */
static void starve_challenge(scene *s, const make_device *device, bm_code verdict)
{
    bm_buf_clear(&s->challenge_body);
    assert_ok(bm_request_put(BM_CALL_CHALLENGE, &device->request, &s->challenge_body));
    s->verdict = verdict;
    assert_code(challenge(s), verdict);
    starve(s, bm_code_name(verdict), challenge, NULL);
    s->verdict = BM_OK;
}

static void a_genuine_device_gets_its_challenge_or_hears_that_memory_ran_out(void **state)
{
    static const struct {
        bm_ek_template_id ek;
        bm_key_type ik;
    } kinds[] = {{BM_EK_L1, BM_KEY_RSA2048}, {BM_EK_L2, BM_KEY_ECC256}, {BM_EK_H3, BM_KEY_ECC256}};
    scene *s = *state;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        BM_AUTO(make_device_fini) make_device device;

        make_device_init(&device, &s->vendor, kinds[i].ek, kinds[i].ik, "SN-1");
        starve_challenge(s, &device, BM_OK);
    }
}

static void what_is_refused_is_never_let_in_for_want_of_memory(void **state)
{
    scene *s = *state;
    make_vendor nobody = {.certificate = s->vendor.certificate, .key = s->device.ik};
    BM_AUTO(make_device_fini) make_device device;
    BM_AUTO(make_device_fini) make_device other;

    make_device_init(&device, &s->vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    make_device_init(&other, &nobody, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    starve_challenge(s, &other, BM_E_EKC_UNTRUSTED);
    make_device_csr(device.ik, other.ik, "SN-1", &device.request.csr);
    starve_challenge(s, &device, BM_E_CSR_SIGNATURE);
    make_device_csr(other.ik, other.ik, "SN-1", &device.request.csr);
    starve_challenge(s, &device, BM_E_CSR_KEY_NOT_IK);
    make_device_ekc(&other, &s->vendor, NULL, MAKE_NOW - 1);
    starve_challenge(s, &other, BM_E_EKC_VALIDITY);
    bm_buf_clear(&other.request.ek_certificate);
    assert_ok(bm_buf_put(&other.request.ek_certificate, bm_buf_view(&s->device.request.ek_certificate)));
    starve_challenge(s, &other, BM_E_EK_MISMATCH);
}

static void a_getCertificate_is_judged_or_hears_that_memory_ran_out(void **state)
{
    scene *s = *state;

    assert_ok(certificate_call(s));
    starve(s, "getCertificate", certificate_call, NULL);
}

static void the_keeper_answers_or_says_that_memory_ran_out(void **state)
{
    scene *s = *state;

    assert_ok(ticket(s));
    assert_ok(issue(s));
    starve(s, "ticket", ticket, NULL);
    starve(s, "issue", issue, NULL);
}

static void is_recorded_if_it_said_so(scene *s, bm_result result)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate made = record_of(s);
    bm_store_lookup found;
    uint64_t entries;

    assert_ok(bm_store_look_up(s->database->store, made.ek_sha256, made.identity, &found));
    assert_int_equal(found.known, result.code == BM_OK);
    assert_int_equal(found.claim, result.code == BM_OK ? BM_CLAIM_MINE : BM_CLAIM_FREE);
    assert_code(bm_store_find_request(s->database->store, made.request_id, &der), result.code == BM_OK ? BM_OK : BM_E_STORE_NOT_FOUND);
    s->recorded += result.code == BM_OK ? 1 : 0;
    assert_ok(bm_store_log_verify(s->database->store, &entries));
    assert_int_equal(entries, s->recorded);
}

static void the_database_has_all_of_an_issue_or_nothing(void **state)
{
    scene *s = *state;

    s->number = 1;
    assert_ok(record_issue(s));
    is_recorded_if_it_said_so(s, bm_ok());
    starve(s, "record", record_issue, is_recorded_if_it_said_so);
    starve(s, "look up", look_up, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_genuine_device_gets_its_challenge_or_hears_that_memory_ran_out),
        cmocka_unit_test(what_is_refused_is_never_let_in_for_want_of_memory),
        cmocka_unit_test(a_getCertificate_is_judged_or_hears_that_memory_ran_out),
        cmocka_unit_test(the_keeper_answers_or_says_that_memory_ran_out),
        cmocka_unit_test(the_database_has_all_of_an_issue_or_nothing),
    };

    starve_install();
    return cmocka_run_group_tests(tests, begin, end);
}
