#include "store/store_verdict.h"

BM_RESULT bm_store_verdict(const bm_store_lookup *found, const bm_subject *subject, const bm_profile *profile, int64_t now,
                           char identity[BM_IDENTITY_MAX + 1])
{
    const bm_device *device = &found->device;
    bm_verdict_record record = {
        .known = found->known,
        .in_inventory = device->in_inventory,
        .retired = device->status == BM_DEVICE_RETIRED,
        .claim_taken = found->claim == BM_CLAIM_TAKEN,
        .last_expiry = found->last_expiry,
        .admitted = device->admitted,
    };

    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(device->identity), (uint8_t *)record.identity, sizeof(record.identity)));
    BM_TRY(bm_verdict_decide(subject, profile, &record, identity));
    return bm_verdict_renewal(profile, &record, now);
}
