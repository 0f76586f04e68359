#include "device/cli/parts.h"

static void take_auth(const bm_options *options, const char *auth[BM_TPM_HIERARCHIES])
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        auth[i] = options->auth[i];
}

bm_enrolment_options bm_parts_enrolment(const bm_options *options)
{
    bm_enrolment_options part = {
        .state = options->state,
        .tcti = options->tcti,
        .key_auth = options->key_auth,
        .server = options->server,
        .ca = options->ca,
        .serial = options->serial,
        .profile = options->profile,
        .key = options->key,
        .handle = options->handle,
        .renew = options->renew,
        .has_parent = options->has_parent,
        .parent = options->parent,
        .persist = options->persist,
        .pcrs = options->pcrs,
        .has_ek = options->has_ek,
    };

    take_auth(options, part.auth);
    for (size_t i = 0; i < sizeof(part.ek); i++)
        part.ek[i] = options->ek[i];
    return part;
}

bm_renew_options bm_parts_renewal(const bm_options *options)
{
    bm_renew_options part = {
        .state = options->state,
        .tcti = options->tcti,
        .key_auth = options->key_auth,
        .server = options->server,
        .ca = options->ca,
        .key = options->key,
        .now = options->now,
        .new_key = options->new_key,
        .wait = options->wait,
    };

    take_auth(options, part.auth);
    return part;
}

bm_doctor_options bm_parts_doctor(const bm_options *options)
{
    bm_doctor_options part = {
        .state = options->state,
        .tcti = options->tcti,
        .handle = options->handle,
        .server = options->server,
        .ca = options->ca,
        .serial = options->serial,
        .profile = options->profile,
        .json = options->json,
    };

    take_auth(options, part.auth);
    return part;
}

bm_tunnel_options bm_parts_tunnel(const bm_options *options)
{
    bm_tunnel_options part = {
        .state = options->state,
        .tcti = options->tcti,
        .key_auth = options->key_auth,
        .ca = options->ca,
        .to = options->to,
        .name = options->name,
        .listens = options->listens,
        .place = options->place,
        .mode = options->mode,
        .idle = options->idle,
    };

    take_auth(options, part.auth);
    return part;
}
