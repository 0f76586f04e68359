#include "device/cli/report.h"

#include "base/text.h"
#include "device/talk/exit.h"

#include <stdio.h>

static void print_record(const bm_record *record)
{
    (void)printf("%.*s\n", (int)record->text.size, (const char *)record->text.data);
}

static void print_key(const bm_options *options, const bm_enroll_outcome *outcome)
{
    if (!outcome->in_file)
        (void)printf("handle:0x%08x%s", outcome->handle, outcome->parent == BM_TPM_OWNER ? ", or " : "");
    if (outcome->parent == BM_TPM_OWNER)
        (void)printf("%s/device.key", options->state);
    (void)printf("\n");
}

static void print_enrolled(const bm_options *options, const bm_enroll_outcome *outcome, const char *until)
{
    (void)printf("%s is enrolled: certificate %s/device.crt, valid until %s; key ", outcome->device, options->state, until);
    print_key(options, outcome);
}

static void print_current(const bm_options *options, const bm_enroll_outcome *outcome, const char *until)
{
    char renew[BM_TIME_TEXT_SIZE];

    bm_text_time(outcome->renew_after, renew);
    (void)printf("%s/device.crt (%s) is valid until %s and for the key ", options->state, outcome->info.subject, until);
    if (outcome->in_file)
        (void)printf("at %s/device.key", options->state);
    else
        (void)printf("at 0x%08x", outcome->handle);
    (void)printf(": nothing to do before %s, unless with --renew\n", renew);
}

static void print_line(const bm_options *options, const bm_enroll_outcome *outcome)
{
    char until[BM_TIME_TEXT_SIZE];

    bm_text_time(outcome->info.not_after, until);
    if (outcome->issued)
        print_enrolled(options, outcome, until);
    else
        print_current(options, outcome, until);
}

/* Files by their whole path. */
static BM_RESULT put_file(bm_record *record, const char *member, const bm_options *options, const char *name)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;

    BM_TRY(bm_buf_putf(&path, "%s/%s", options->state, name));
    BM_TRY(bm_buf_terminate(&path));
    return bm_record_put_text(record, member, (const char *)path.data);
}

static BM_RESULT put_identity(bm_record *record, const char *issued, const bm_options *options, const bm_enroll_outcome *outcome)
{
    BM_TRY(bm_record_put_text(record, "result", outcome->issued ? issued : "current"));
    BM_TRY(bm_record_put_text(record, "device", outcome->device));
    BM_TRY(bm_record_put_text(record, "subject", outcome->info.subject));
    BM_TRY(bm_record_put_text(record, "issuer", outcome->info.issuer));
    BM_TRY(bm_record_put_time(record, "not_before", outcome->info.not_before));
    BM_TRY(bm_record_put_time(record, "not_after", outcome->info.not_after));
    BM_TRY(bm_record_put_time(record, "renew_after", outcome->renew_after));
    BM_TRY(bm_record_put_text(record, "key_type", bm_pubkey_type_name(outcome->key)));
    if (!outcome->in_file)
        BM_TRY(bm_record_put_handle(record, "handle", outcome->handle));
    BM_TRY(put_file(record, "certificate", options, "device.crt"));
    if (outcome->parent == BM_TPM_OWNER)
        BM_TRY(put_file(record, "key_file", options, "device.key"));
    return outcome->has_ek ? bm_record_put_hex(record, "ek_sha256", BM_BYTES_ARRAY(outcome->ek)) : bm_ok();
}

/* The object of an identity that was issued, in a word, or that was there. */
static BM_RESULT print_object(const char *issued, const bm_options *options, const bm_enroll_outcome *outcome, const bm_talk *talk)
{
    BM_AUTO(bm_record_fini) bm_record record = {.more = false};

    BM_TRY(bm_record_begin_object(&record, NULL));
    BM_TRY(put_identity(&record, issued, options, outcome));
    if (outcome->issued && options->command == BM_COMMAND_RENEW)
        BM_TRY(bm_record_put_flag(&record, "new_key", outcome->new_key));
    BM_TRY(bm_talk_put(talk, &record));
    BM_TRY(bm_record_end_object(&record));
    print_record(&record);
    return bm_ok();
}

BM_RESULT bm_report_enrolment(const bm_options *options, const bm_enroll_outcome *outcome, const bm_talk *talk)
{
    if (options->json)
        return print_object("enrolled", options, outcome, talk);
    if (!options->quiet)
        print_line(options, outcome);
    return bm_ok();
}

static void print_renewal(const bm_options *options, const bm_enroll_outcome *outcome)
{
    char until[BM_TIME_TEXT_SIZE];
    char renew[BM_TIME_TEXT_SIZE];

    bm_text_time(outcome->info.not_after, until);
    bm_text_time(outcome->renew_after, renew);
    if (!outcome->issued) {
        (void)printf("%s/device.crt (%s) is valid until %s: nothing to renew before %s, unless with --now\n", options->state,
                     outcome->info.subject, until, renew);
        return;
    }
    (void)printf("%s is renewed: certificate %s/device.crt, valid until %s; %s key ", outcome->device, options->state, until,
                 outcome->new_key ? "a new" : "the same");
    print_key(options, outcome);
}

BM_RESULT bm_report_renewal(const bm_options *options, const bm_enroll_outcome *outcome, const bm_talk *talk)
{
    if (options->json)
        return print_object("renewed", options, outcome, talk);
    if (!options->quiet)
        print_renewal(options, outcome);
    return bm_ok();
}

static void print_request(const bm_options *options, const bm_offline_outcome *outcome)
{
    char until[BM_TIME_TEXT_SIZE];

    bm_text_time(outcome->until, until);
    if (outcome->end == BM_OFFLINE_FIRST)
        (void)printf("%s: the request of %s for its first trip. Have it answered with 'birthmarkctl batch', then run 'birthmark accept'\n",
                     options->out, options->serial);
    else
        (void)printf("%s: the request for the second trip. Have it answered until %s, then run 'birthmark accept' with that answer\n",
                     options->out, until);
}

BM_RESULT bm_report_offline(const bm_options *options, const bm_offline_outcome *outcome, const bm_talk *talk)
{
    BM_AUTO(bm_record_fini) bm_record record = {.more = false};

    if (outcome->end == BM_OFFLINE_IDENTITY)
        return bm_report_enrolment(options, &outcome->enrolment, talk);
    if (!options->json) {
        if (!options->quiet)
            print_request(options, outcome);
        return bm_ok();
    }
    BM_TRY(bm_record_begin_object(&record, NULL));
    BM_TRY(bm_record_put_text(&record, "result", "requested"));
    BM_TRY(bm_record_put_number(&record, "trip", outcome->end == BM_OFFLINE_FIRST ? 1 : 2));
    BM_TRY(bm_record_put_text(&record, "file", options->out));
    if (outcome->end == BM_OFFLINE_SECOND)
        BM_TRY(bm_record_put_time(&record, "until", outcome->until));
    BM_TRY(bm_talk_put(talk, &record));
    BM_TRY(bm_record_end_object(&record));
    print_record(&record);
    return bm_ok();
}

BM_RESULT bm_report_failure(bm_result failure, const char *finding, const bm_talk *talk)
{
    BM_AUTO(bm_record_fini) bm_record record = {.more = false};
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;

    BM_TRY(bm_exit_put_sentence(&sentence, failure));
    BM_TRY(bm_buf_terminate(&sentence));
    BM_TRY(bm_record_begin_object(&record, NULL));
    BM_TRY(bm_record_put_text(&record, "result", "failed"));
    BM_TRY(bm_record_put_text(&record, "code", bm_code_name(failure.code)));
    BM_TRY(bm_record_put_number(&record, "exit_status", bm_exit_status_of(failure)));
    BM_TRY(bm_record_put_text(&record, "text", (const char *)sentence.data));
    if (finding != NULL)
        BM_TRY(bm_record_put_text(&record, "finding", finding));
    BM_TRY(bm_talk_put(talk, &record));
    BM_TRY(bm_record_end_object(&record));
    print_record(&record);
    return bm_ok();
}
