/*
 * The two calls of Birthmark, with an attacker who is the network and owns a genuine TPM (docs/model.md says what is left out).
 *
 * There is no process for the attacker: he is the choice of every field of every call, among all values that there are. Nor is there one
 * for the victim: its messages are among those values, and its TPM opens whatever credential it can, since the network may
 * hand the agent any reply, and reads the ticket that the agent sends on.
 *
 * Each check of the code is a guard. The runs (tests/model/run) take guards out and want to see the attack.
 */

#define GUARDS 36

/* getChallenge and getCertificate: judge_* of lib/protocol/verdict.c, and what they call */
#define EKC_CHAIN          0  /* bm_anchors_verify: the EK certificate leads to an anchor */
#define EKC_CLASS          1  /* bm_anchors_verify: of an accepted class */
#define EKC_USAGE          2  /* bm_ekc_check_usage */
#define EK_MISMATCH        3  /* judge_ekc: the EK is the key of its certificate */
#define EK_TEMPLATE        4  /* bm_template_match_ek */
#define EK_WEAK            5  /* bm_weak_check of the EK */
#define IK_ATTRIBUTES      6  /* bm_template_check_ik */
#define IK_WEAK            7  /* bm_weak_check of the IK */
#define CSR_KEY            8  /* judge_ik: the CSR's key is the IK */
#define CSR_SIGNATURE      9  /* bm_csr_verify; getChallenge alone */
#define JUDGE_AGAIN        10 /* BM_JUDGE_AGAIN: judge_chain once more at getCertificate */
#define ANCHORS_EPOCH      11 /* bm_server_anchors_current: this process's copy of the anchors is the newest */
/* the credential: lib/tpm/credential.c */
#define CREDENTIAL_EK      12 /* bm_credential_make: only the EK's private key opens it */
#define CREDENTIAL_NAME    13 /* bm_credential_make: only beside an object of the IK's Name */
#define CREDENTIAL_CIPHER  14 /* bm_credential_make: no EK without a cipher */
/* the ticket: lib/protocol/ticket.c */
#define TICKET_SERVER      15 /* server_certificate.c, on_ticket: the ticket is what the keeper computes */
#define TICKET_KEEPER      16 /* keeper_requests.c, check_ticket */
#define TICKET_KEY         17 /* bm_keys_ticket_mac: a key id of this CA, and no key that somebody else has */
#define MAC_CSR            18 /* the fields of bm_ticket_put_message */
#define MAC_IK_PUBLIC      19
#define MAC_EK_PUBLIC      20
#define MAC_EK_CERTIFICATE 21
#define MAC_IK_SPKI        22
#define MAC_PROFILE        23
#define MAC_EXPIRES        24
#define TIME_SERVER        25 /* bm_ticket_check_time */
#define TIME_KEEPER        26 /* check_ticket: the keeper's own clock */
/* whose name: bm_verdict_decide */
#define DECIDE_RETIRED     27
#define DECIDE_INVENTORY   28
#define DECIDE_MISMATCH    29 /* the record says what this EK is called, not the CSR */
#define DECIDE_TAKEN       30
#define CLAIM_RETIRED      31 /* BM_CLAIM_TAKEN, device_others: the name of a retired device is taken */
/* again, inside the transaction: store/store_sqlite_certificate.c */
#define STORE_RETIRED      32 /* check_binding */
#define STORE_MISMATCH     33 /* check_binding */
#define STORE_TAKEN        34 /* check_binding: bm_store_sqlite_device_others */
#define STORE_INDEX        35 /* the unique index over the active devices' identities */

/* What is proven. */
mtype = {
    HELD,       /* no certificate on a key that the TPM of the EK to which its identity is bound does not hold, and hold alone */
    ONE_TO_ONE, /* no identity has two EKs, no EK two identities */
    RETIRED,    /* nothing for a device that was retired, or whose vendor was distrusted, before the call began */
    SAME,       /* a certificate is for the parameters that its ticket was made for, each of them */
    ASKED,      /* a certificate on the victim's key has the name that the victim asked for */
    FRESH,      /* nothing for a ticket that was stale when the call began */
    USELESS     /* the victim gets no certificate: this one must be broken, or the others would say nothing */
}

c_decl {
\#include <stdlib.h>
\#include <string.h>
}

/*
 * From the environment, so that one verifier serves every run: the guards that are out; the promise that is looked at (0: all but the
 * last); how many tickets the attacker may come to know; and, if it is to be one, how many server processes there are.
 */
hidden byte out[GUARDS];
hidden byte promise;
hidden byte tickets;
hidden byte servers;

#define REFUSE_IF(guard, bad) if :: (bad) && !out[guard] -> goto done :: else fi
#define PROMISE(which, holds) \
    if \
    :: promise != which && (promise != 0 || which == USELESS) \
    :: (promise == which || promise == 0 && which != USELESS) && (holds) \
    :: else -> printf("broken: "); printm(which); printf("\n"); assert(false) \
    fi

/*
 * Endorsement keys: of the victim's TPM, of the attacker's, of a weak TPM that is the attacker's, of none (software). The last is the
 * victim's key in a public area of the attacker's making, which says that secrets travel in the clear.
 */
mtype = { ek_victim, ek_attacker, ek_weak, ek_software, ek_victim_no_cipher }
/* EK certificates: genuine ones; and of the software key: made by the attacker; the vendor's, but for TLS; of a virtual TPM. */
mtype = { ekc_none, ekc_victim, ekc_attacker, ekc_weak, ekc_homemade, ekc_for_tls, ekc_virtual }
/* Identity keys: in the victim's TPM; in the attacker's: good, the same with another Name, exportable, weak; in none. */
mtype = { ik_victim, ik_attacker, ik_attacker_renamed, ik_exportable, ik_weak, ik_software }
/* CSRs, key and name. All that the attacker can sign; of the victim's key the one that it sent, and one that its key did not sign. */
mtype = { csr_victim_sn1, csr_victim_sn2_unsigned, csr_attacker_sn1, csr_attacker_sn2, csr_exportable_sn2, csr_weak_sn2,
              csr_software_sn1, csr_software_sn2 }
/* Profiles: trust = certificate, or inventory; both with identity = claim. The victim's EK is in the inventory, without a name. */
mtype = { p_certificate, p_inventory }
mtype = { getChallenge, getCertificate }

/* Devices of the database: one for each EK key. */
#define VICTIM 0
#define ATTACKER 1
#define WEAK 2
#define SOFTWARE 3
#define DEVICES 4
#define IDENTITIES 3 /* none, sn1, sn2 */

#define DEVICE_OF(e) (e == ek_victim || e == ek_victim_no_cipher -> VICTIM : (e == ek_attacker -> ATTACKER : (e == ek_weak -> WEAK : SOFTWARE)))
#define CERTIFIED(c) (c == ekc_victim -> VICTIM : (c == ekc_attacker -> ATTACKER : (c == ekc_weak -> WEAK : SOFTWARE)))
#define CSR_NAME(c) (c == csr_victim_sn1 || c == csr_attacker_sn1 || c == csr_software_sn1 -> 1 : 2)

/* The public key of an IK and of a CSR. */
#define KEY_VICTIM 1
#define KEY_ATTACKER 2
#define KEY_EXPORTABLE 3
#define KEY_WEAK 4
#define KEY_SOFTWARE 5
#define IK_KEY(k) (k == ik_victim -> KEY_VICTIM : (k == ik_attacker || k == ik_attacker_renamed -> KEY_ATTACKER : \
                  (k == ik_exportable -> KEY_EXPORTABLE : (k == ik_weak -> KEY_WEAK : KEY_SOFTWARE))))
#define CSR_KEY_OF(c) (c == csr_victim_sn1 || c == csr_victim_sn2_unsigned -> KEY_VICTIM : \
                      (c == csr_attacker_sn1 || c == csr_attacker_sn2 -> KEY_ATTACKER : \
                      (c == csr_exportable_sn2 -> KEY_EXPORTABLE : (c == csr_weak_sn2 -> KEY_WEAK : KEY_SOFTWARE))))
/* Does the TPM of this device hold that key, and nobody else? */
#define HOLDS(device, key) ((device == VICTIM && key == KEY_VICTIM) || (device == ATTACKER && key == KEY_ATTACKER))

/* The tickets that the attacker came to know: what they were made for, and the certificate that they got. */
#define TICKETS 3
#define FORGED TICKETS        /* made with a key that the attacker has: another CA's, or one that was taken out of use */
#define GUESSED (TICKETS + 1) /* any 32 bytes */
typedef ticket_made {
    mtype ek;
    mtype ekc;
    mtype ik;
    mtype csr;
    mtype profile;
    byte expires;
    byte identity; /* of the certificate that this call got; 0 for none yet */
}
ticket_made made[TICKETS];
byte made_count;

/* The database. */
byte identity_of[DEVICES];
bool retired[DEVICES];
bool vendor_trusted = true;
/* Each server process's copy of the anchors. */
bool copy_trusted[2] = true;
/* The clock; a ticket lives one tick. */
byte now;

/* What has been certified so far, for the promises alone. */
byte owner[IDENTITIES]; /* the device + 1 */
byte name[DEVICES];

/* The EK certificate leads to an anchor: the vendor's, or, for the virtual one, one of another class. */
#define CHAINS(c) ((c == ekc_victim || c == ekc_attacker || c == ekc_weak || c == ekc_for_tls) && copy_trusted[me] || c == ekc_virtual)

/* Who gets the ticket out of a credential for this EK and this IK? The attacker reads whatever the victim's agent sends on. */
#define OPENS(e, k) (out[CREDENTIAL_EK] || e == ek_software || e == ek_weak || e == ek_victim_no_cipher || \
                    (e == ek_victim && (k == ik_victim || out[CREDENTIAL_NAME])) || \
                    (e == ek_attacker && (k == ik_attacker || k == ik_exportable || k == ik_weak || out[CREDENTIAL_NAME])))

/* Another device has this name; a retired one as well, but where that check is out. */
#define OTHER_HAS(d, device, id) (d != device && identity_of[d] == id && (!retired[d] || !out[CLAIM_RETIRED]))
#define OTHERS(device, id) (OTHER_HAS(0, device, id) || OTHER_HAS(1, device, id) || OTHER_HAS(2, device, id) || OTHER_HAS(3, device, id))
#define ACTIVE_HAS(d, device, id) (d != device && identity_of[d] == id && !retired[d])
#define INDEXED(device, id) (ACTIVE_HAS(0, device, id) || ACTIVE_HAS(1, device, id) || ACTIVE_HAS(2, device, id) || ACTIVE_HAS(3, device, id))

/* The parameters of a call, in the trace. */
inline say_parameters()
{
    printm(ek); printf(" "); printm(ekc); printf(" "); printm(ik); printf(" "); printm(csr); printf(" "); printm(profile)
}

/*
 * A call arrives; every field is the attacker's choice. What is refused leaves no trace, so a field is chosen when the server comes to
 * look at it: a call that is refused before is the same whatever is in the rest. For the same reason those fields that the
 * ticket covers are taken from it where the server compares tickets: all else would be refused.
 */
#define TAKEN_FROM_TICKET(guard) (!out[TICKET_SERVER] && !out[guard] && ticket < made_count)

inline receive_certificate()
{
    call = getCertificate;
    select(ticket : 0 .. GUESSED);
    REFUSE_IF(TICKET_SERVER, ticket == GUESSED || ticket >= made_count && ticket < TICKETS || ticket == FORGED && !out[TICKET_KEY]);
    if :: TAKEN_FROM_TICKET(MAC_EXPIRES) -> expires = made[ticket].expires :: else -> select(expires : 1 .. 2) fi;
    if :: TAKEN_FROM_TICKET(MAC_PROFILE) -> profile = made[ticket].profile :: else fi;
    if :: TAKEN_FROM_TICKET(MAC_EK_PUBLIC) -> ek = made[ticket].ek :: else fi;
    if :: TAKEN_FROM_TICKET(MAC_EK_CERTIFICATE) -> ekc = made[ticket].ekc :: else fi;
    if :: TAKEN_FROM_TICKET(MAC_IK_PUBLIC) -> ik = made[ticket].ik :: else fi;
    if :: TAKEN_FROM_TICKET(MAC_CSR) -> csr = made[ticket].csr :: else fi
}

inline choose_ek()
{
    if
    :: ek == 0 -> if :: ek = ek_victim :: ek = ek_attacker :: ek = ek_weak :: ek = ek_software :: ek = ek_victim_no_cipher fi
    :: else
    fi
}

inline choose_ekc()
{
    if
    :: ekc == 0 -> if :: ekc = ekc_none :: ekc = ekc_victim :: ekc = ekc_attacker :: ekc = ekc_weak
                      :: ekc = ekc_homemade :: ekc = ekc_for_tls :: ekc = ekc_virtual fi
    :: else
    fi
}

inline choose_ik()
{
    if
    :: ik == 0 -> if :: ik = ik_victim :: ik = ik_attacker :: ik = ik_attacker_renamed :: ik = ik_exportable :: ik = ik_weak
                     :: ik = ik_software fi
    :: else
    fi
}

inline choose_csr()
{
    if
    :: csr == 0 -> if :: csr = csr_victim_sn1 :: csr = csr_victim_sn2_unsigned :: csr = csr_attacker_sn1 :: csr = csr_attacker_sn2
                      :: csr = csr_exportable_sn2 :: csr = csr_weak_sn2 :: csr = csr_software_sn1 :: csr = csr_software_sn2 fi
    :: else
    fi
}

/* Is the ticket the MAC of these fields? A field that the MAC does not cover may be anything. */
#define COVERS(guard, field) (out[guard] || made[ticket].field == field)
#define MAC_GOOD \
    (ticket < made_count && COVERS(MAC_CSR, csr) && COVERS(MAC_IK_PUBLIC, ik) && COVERS(MAC_EK_PUBLIC, ek) && \
     COVERS(MAC_EK_CERTIFICATE, ekc) && COVERS(MAC_PROFILE, profile) && COVERS(MAC_EXPIRES, expires) && \
     (out[MAC_IK_SPKI] || IK_KEY(made[ticket].ik) == IK_KEY(ik)) || \
     ticket == FORGED && out[TICKET_KEY])

/* The name of the call (bm_ticket_request_id) is over what the MAC is over: has this very call its certificate already? */
#define ANSWERED (ticket < made_count && made[ticket].identity != 0 && MAC_GOOD)

/* What the promises want to know about the moment at which the call began. */
inline remember()
{
    began_retired = retired[device];
    began_distrusted = !vendor_trusted && profile == p_certificate;
    began_stale = ticket < made_count && now >= made[ticket].expires
}

/*
 * judge_ekc and judge_chain. `recalled` (bm_anchors_recall, at getCertificate): this process verified that EK certificate a moment ago, and
 * does not look again whether it is the EK's; the attacker can bring that about, or not, so both happen.
 */
inline judge_certificate()
{
    recalled = false;
    if
    :: call == getCertificate && profile == p_certificate && ekc != ekc_for_tls && ekc != ekc_virtual && CHAINS(ekc) -> recalled = true
    :: true
    fi;
    if
    :: recalled
    :: else ->
        if
        :: profile == p_certificate && ekc == ekc_none -> goto done /* ekc-missing */
        :: else
        fi;
        REFUSE_IF(EK_MISMATCH, ekc != ekc_none && CERTIFIED(ekc) != device);
        if
        :: profile == p_certificate && (call == getChallenge || !out[JUDGE_AGAIN]) ->
            REFUSE_IF(EKC_USAGE, ekc == ekc_for_tls);
            REFUSE_IF(EKC_CHAIN, !CHAINS(ekc));
            REFUSE_IF(EKC_CLASS, ekc == ekc_virtual);
        :: else
        fi
    fi
}

/* bm_verdict_judge, in the order that has fewer calls to look at. The CSR's signature is looked at in getChallenge alone. */
inline judge()
{
    if :: profile == 0 -> if :: profile = p_certificate :: profile = p_inventory fi :: else fi;
    choose_ek();
    device = DEVICE_OF(ek);
    REFUSE_IF(EK_TEMPLATE, ek == ek_victim_no_cipher);
    REFUSE_IF(EK_WEAK, ek == ek_weak);
    choose_ekc();
    judge_certificate();
    choose_ik();
    REFUSE_IF(IK_ATTRIBUTES, ik == ik_exportable);
    REFUSE_IF(IK_WEAK, ik == ik_weak);
    choose_csr();
    REFUSE_IF(CSR_KEY, CSR_KEY_OF(csr) != IK_KEY(ik));
    REFUSE_IF(CSR_SIGNATURE, call == getChallenge && csr == csr_victim_sn2_unsigned)
}

/* The ledger's answer has the anchors' epoch: with a newer one they are loaded, and it is judged again (server_exchange.c). */
inline look_up()
{
    if
    :: copy_trusted[me] != vendor_trusted && !out[ANCHORS_EPOCH] ->
        copy_trusted[me] = vendor_trusted;
        judge_certificate();
    :: else
    fi
}

/* bm_verdict_decide */
inline decide()
{
    REFUSE_IF(DECIDE_RETIRED, retired[device]);
    REFUSE_IF(DECIDE_INVENTORY, profile == p_inventory && device != VICTIM);
    identity = identity_of[device];
    if
    :: identity == 0 ->
        identity = CSR_NAME(csr);
        REFUSE_IF(DECIDE_TAKEN, OTHERS(device, identity));
    :: else ->
        REFUSE_IF(DECIDE_MISMATCH, identity != CSR_NAME(csr));
        identity = CSR_NAME(csr);
    fi
}

/* ask_ticket, bm_credential_make. A ticket that nobody gets out of its credential is as good as none. */
inline challenge()
{
    REFUSE_IF(CREDENTIAL_CIPHER, ek == ek_victim_no_cipher);
    if
    :: made_count < tickets && OPENS(ek, ik) ->
        made[made_count].ek = ek;
        made[made_count].ekc = ekc;
        made[made_count].ik = ik;
        made[made_count].csr = csr;
        made[made_count].profile = profile;
        made[made_count].expires = now + 1;
        printf("server %d: getChallenge ", me);
        say_parameters();
        printf(": a ticket, no. %d, until %d; the credential is opened\n", made_count, now + 1);
        made_count++;
    :: else
    fi
}

/* A certificate is handed out: what it must never be. */
inline promises()
{
    PROMISE(RETIRED, !began_retired && !began_distrusted);
    PROMISE(FRESH, !began_stale);
}

/* answer_issue in the keeper, then bm_store_record_issue in the ledger's transaction. */
inline issue()
{
    REFUSE_IF(TICKET_KEEPER, !MAC_GOOD);
    REFUSE_IF(TIME_KEEPER, now >= expires);
    REFUSE_IF(STORE_RETIRED, retired[device]);
    if
    :: identity_of[device] != 0 ->
        REFUSE_IF(STORE_MISMATCH, identity_of[device] != identity);
    :: else ->
        REFUSE_IF(STORE_TAKEN, OTHERS(device, identity));
    fi;
    if
    :: ANSWERED -> /* find_request: the same call, the same certificate */
        printf("server %d: getCertificate ", me);
        say_parameters();
        printf(", ticket %d: the same certificate again\n", ticket);
        promises();
        goto done
    :: else
    fi;
    if
    :: identity_of[device] == 0 ->
        REFUSE_IF(STORE_INDEX, INDEXED(device, identity));
        identity_of[device] = identity;
    :: else
    fi;
    printf("server %d: getCertificate ", me);
    say_parameters();
    printf(", ticket %d: a certificate with the name sn%d\n", ticket, identity);
    promises();
    PROMISE(HELD, HOLDS(device, IK_KEY(ik)));
    PROMISE(ONE_TO_ONE, (owner[identity] == 0 || owner[identity] == device + 1) && (name[device] == 0 || name[device] == identity));
    PROMISE(RETIRED, !retired[device]);
    PROMISE(SAME, ticket < made_count && made[ticket].ek == ek && made[ticket].ekc == ekc && made[ticket].ik == ik && made[ticket].csr == csr &&
                  made[ticket].profile == profile);
    PROMISE(ASKED, IK_KEY(ik) != KEY_VICTIM || identity == 1);
    PROMISE(USELESS, IK_KEY(ik) != KEY_VICTIM || identity != 1 || device != VICTIM);
    owner[identity] = device + 1;
    name[device] = identity;
    if
    :: ticket < made_count -> made[ticket].identity = identity
    :: else
    fi
}

/* One of the server processes, with the keeper and the ledger at its side. */
proctype server(byte me)
{
    mtype call;
    mtype profile;
    mtype ek;
    mtype ekc;
    mtype ik;
    mtype csr;
    byte ticket, expires, device, identity;
    bool recalled, began_retired, began_distrusted, began_stale;

next:
    atomic {
        if
        :: made_count < tickets -> call = getChallenge
        :: receive_certificate()
        fi;
        judge();
        if
        :: call == getCertificate ->
            remember();
            REFUSE_IF(TICKET_SERVER, !MAC_GOOD); /* on_ticket */
            REFUSE_IF(TIME_SERVER, now >= expires) /* bm_ticket_check_time */
        :: else
        fi;
        look_up();
        decide();
        if
        :: call == getChallenge ->
            challenge();
            goto done
        :: ANSWERED -> /* issue_or_repeat */
            printf("server %d: getCertificate ", me);
            say_parameters();
        printf(", ticket %d: the same certificate again\n", ticket);
            promises();
            goto done
        :: else ->
            printf("server %d: getCertificate ", me);
            say_parameters();
            printf(", ticket %d: checked, the name is sn%d\n", ticket, identity)
        fi
    }
    /* Here the other server process, the operator and the clock have their turns. */
    atomic {
        issue();
done:
        call = 0; profile = 0; ek = 0; ekc = 0; ik = 0; csr = 0;
        ticket = 0; expires = 0; device = 0; identity = 0;
        recalled = false; began_retired = false; began_distrusted = false; began_stale = false;
        goto next
    }
}

/* The operator retires one device, and removes the vendor's anchor, at any time or never. */
proctype operator()
{
    do
    :: atomic { !retired[VICTIM] && !retired[ATTACKER] -> retired[VICTIM] = true; printf("the operator retires the victim's device\n") }
    :: atomic { !retired[VICTIM] && !retired[ATTACKER] -> retired[ATTACKER] = true; printf("the operator retires the attacker's device\n") }
    :: atomic { vendor_trusted -> vendor_trusted = false; printf("the operator removes the vendor's anchor\n") }
    od
}

proctype clock()
{
    atomic { now == 0 -> now = 1; printf("time passes: now %d\n", now) }
}

init {
    atomic {
        c_code {
            const char *list = getenv("MODEL_WITHOUT");
            const char *which = getenv("MODEL_PROMISE");
            const char *many = getenv("MODEL_TICKETS");
            const char *processes = getenv("MODEL_SERVERS");
            char *end;
            while (list != NULL && *list != 0) {
                out[strtol(list, &end, 10)] = 1;
                list = *end != 0 ? end + 1 : end;
            }
            promise = which != NULL ? (unsigned char)atoi(which) : 0;
            servers = processes != NULL ? (unsigned char)atoi(processes) : 2;
            tickets = many != NULL ? (unsigned char)atoi(many) : TICKETS;
        };
        run server(0);
        if
        :: servers > 1 -> run server(1)
        :: else
        fi;
        run operator();
        run clock();
    }
}
