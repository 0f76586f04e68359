# shellcheck shell=bash
# What the scenarios about the identity key's place and protection share: the TPM `one` and its device SN1, nginx on $LAB/nginx.sock, the server `far`.

# ik_enroll DIR [options]: the device SN1 with that state directory; the certificate is good and nothing stays loaded.
ik_enroll() {
    local dir=$1
    shift
    lab_enroll one one SN1 --state "$dir" "$@"
    openssl verify -purpose sslclient -CAfile "$(lab_ca_file one)" -untrusted "$dir/chain.crt" "$dir/device.crt" >/dev/null ||
        lab_die "$dir/device.crt is no good"
    lab_tpm_clean one
}

# ik_handle: that of the identity in $id.
ik_handle() {
    sed -n 's/^handle://p' "$id/key.uri"
}

# ik_name [HANDLE]: the Name of the key at a handle, by default that of the identity in $id.
ik_name() {
    tpm2_readpublic -c "${1:-$(ik_handle)}" | sed -n 's/^name: //p'
}

# ik_persistent: the handles that are in use.
ik_persistent() {
    tpm2_getcap handles-persistent | tr -d ' \n'
}

# ik_says PATTERN: the last enrolment did.
ik_says() {
    grep -Eq -- "$1" "$LAB/enroll.out" || { cat "$LAB/enroll.out" >&2; lab_die "did not say: $1"; }
}

# ik_greeted DIR: nginx greets the device by openssl s_client, with what key.uri names.
ik_greeted() {
    lab_s_client "$LAB/nginx.sock" one "$1" >"$LAB/tls.log" || true
    grep -q "^Hello SN1, verified SUCCESS over TLSv1.3" "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
    lab_tpm_clean one
}

# ik_tunnel DIR [options]: a tunnel with that identity, ${LAB_PLACE[t]}.
ik_tunnel() {
    local dir=$1
    shift
    lab_tunnel t one "$dir" --listen "unix:$LAB/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt" "$@"
}

# ik_faulty_tunnel DIR [options]: the same, its TPM as the plan p has it.
ik_faulty_tunnel() {
    export LD_LIBRARY_PATH=$LAB/tcti BM_FAULT_PLAN=$LAB/p.plan
    ik_tunnel "$@"
    unset LD_LIBRARY_PATH BM_FAULT_PLAN
}

# ik_tunnelled DIR [options]: the server lets the tunnel in.
ik_tunnelled() {
    ik_tunnel "$@"
    [[ $(lab_far who "${LAB_PLACE[t]}") == "SN1 TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
    lab_stop tunnel-t
    lab_tpm_clean one
}

# ik_look COMMAND DIR [PATTERN...]: show or doctor say all that, and leave nothing.
ik_look() {
    local command=$1 dir=$2 pattern
    shift 2
    "$BIRTHMARK" "$command" --tcti "$(lab_tcti one)" --state "$dir" >"$LAB/look" || true
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$LAB/look" || { cat "$LAB/look" >&2; lab_die "$command did not say: $pattern"; }
    done
    lab_tpm_clean one
}

# ik_holds PID WORDS: do they stand anywhere in its memory?
ik_holds() {
    python3 - "$1" "$2" <<'END'
import re, sys
word = sys.argv[2].encode()
with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as mem:
    for line in maps:
        first, last, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
        first, last = int(first, 16), int(last, 16)
        if "rw" not in mode or last - first > 1 << 28:
            continue
        try:
            mem.seek(first)
            if word in mem.read(last - first):
                sys.exit(0)
        except (OSError, ValueError, OverflowError):
            continue
sys.exit(1)
END
}

# ik_fill: NV indices and persistent keys, large and then small ones, until there is no room for another key. (A TPM keeps room for a few keys that indices
# do not get.)
ik_fill() {
    local index=0 count=0 key
    while tpm2_nvdefine -Q -C o -s 2048 "$(printf '0x%08x' $((0x01500000 + index)))" >/dev/null 2>&1; do
        index=$((index + 1))
    done
    for key in rsa2048 ecc256:ecdsa-sha256:null; do
        tpm2_createprimary -Q -C o -G "$key" -c "$LAB/fill.ctx" -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
        while tpm2_evictcontrol -Q -C o -c "$LAB/fill.ctx" "$(printf '0x%08x' $((0x81700000 + count)))" >/dev/null 2>&1; do
            count=$((count + 1))
            tpm2_flushcontext -t
        done
        tpm2_flushcontext -t
    done
    ((count > 0)) || lab_die "no key was put down"
}
