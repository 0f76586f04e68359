#!/bin/bash
# A program with libbirthmark in it gets an identity, says what it is, and does TLS with it, as a client and as a server, with several threads, and
# also after the TPM was away; what goes wrong is a code and a sentence, and the program around it stays as it was.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_far_server new "$(lab_ca_file one)" --tls 1.3
lab_far_server old "$(lab_ca_file one)" --tls 1.2
ca=$(lab_ca_file one)

# user STATE COMMAND...: the program, by what stands in WITH; what it prints is in $LAB/user.out, how it ended in RC.
WITH=()
user() {
    local state=$1
    shift
    RC=0
    "${WITH[@]}" timeout 120 "$BIRTHMARK_USER" "$LAB/$state" "$(lab_tcti one)" "$@" >"$LAB/user.out" 2>"$LAB/user.err" || RC=$?
    if ((RC >= 94)) && [[ $RC != 130 ]] || [[ -s $LAB/user.err ]]; then
        cat "$LAB/user.out" "$LAB/user.err" >&2
        lab_die "the program ended with $RC, or the library wrote to stderr"
    fi
}

# says PATTERN [COUNT]: it ended well, and so many of its lines are like that.
says() {
    ((RC == 0)) && [[ $(grep -cE -- "$1" "$LAB/user.out") == "${2:-1}" ]] && return
    cat "$LAB/user.out" >&2
    lab_die "it ended with $RC, and did not say ${2:-1} times: $1"
}

# fails CODE NAME PATTERN: it ended with that code, which has that name and says that.
fails() {
    ((RC == $1)) && grep -Eq -- "^failed $1 $2: .*$3" "$LAB/user.out" && return
    cat "$LAB/user.out" >&2
    lab_die "it ended with $RC, and not with 'failed $1 $2: $3'"
}

lab_say "without an identity: that is no failure to look at, and a clear one to use"
user ecc status
says '^enrolled=0 complete=0 serial= key= handle=0x00000000'
user ecc get "$ca" "${LAB_PORT[new]}" 1.3 1
fails 5 io-error "has no device.crt .*: run 'birthmark enroll'"
user ecc sign none
fails 5 io-error "run 'birthmark enroll'"

lab_say "what is missing or wrong is said before anything is done"
user ecc enroll ftp://x "$ca" SN-ecc ecc256
fails 1 usage 'no address of a server'
user ecc enroll "${LAB_URL[one]}" "$ca" 'a b' ecc256
fails 1 usage 'no identity'
user ecc enroll "${LAB_URL[one]}" "$ca" SN-ecc ecc512
fails 1 usage 'no key type'
user none/there enroll "${LAB_URL[one]}" "$ca" SN-ecc ecc256
fails 5 io-error 'cannot be made'
[[ ! -e $LAB/ecc ]]

for key in ecc256 rsa2048; do
    lab_say "enrolment with $key: six steps are told, and again there is nothing to do"
    user "$key" enroll "${LAB_URL[one]}" "$ca" "SN-one" "$key" renew
    says '^event 0 step [1-6]/6: [a-z]' 6
    says '^event 1 step [1-6]/6: ' 6
    says '^issued=1$'
    user "$key" enroll "${LAB_URL[one]}" "$ca" "SN-one" "$key"
    says '^issued=0$'
    lab_identity_good "$LAB/$key" one one
    user "$key" status
    says "^enrolled=1 complete=1 serial=SN-one key=$key handle=$(sed -n 's/^handle://p' "$LAB/$key/key.uri") subject=.*SN-one.* ek=[0-9a-f]{64} renewable=1$"
    lab_say "the key alone signs messages, whole and in pieces, digests, and a request; what is no digest it does not"
    user "$key" sign "$LAB/$key/device.crt"
    says "^bits=(256|2048) message=1 pieces=1 pss=$([[ $key == ecc* ]] && echo 0 || echo 1) digest=1 short=0 request=1$"
    lab_say "TLS 1.3 and 1.2; two threads, and eight"
    user "$key" get "$ca" "${LAB_PORT[new]}" 1.3 1
    fails 90 tls 'certificate verify failed'
    user "$key" get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 2
    says '^SN-one TLSv1.3 full$' 2
    user "$key" get "$LAB/far.crt" "${LAB_PORT[old]}" 1.2 2
    says '^SN-one TLSv1.2 full$' 2
    user "$key" get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 5 2
    says '^SN-one TLSv1.3 full$' 10
    user "$key" get "$LAB/far.crt" "${LAB_PORT[old]}" 1.2 2 8
    says '^SN-one TLSv1.2 full$' 16
    lab_tpm_clean one
done

lab_say "a key that survives TPM2_Clear, with a value that its file has, and one in a file alone"
printf 'a value' >"$LAB/value"
printf 'another' >"$LAB/wrong"
WITH=(env "USER_KEY_AUTH=file:$LAB/value")
user valued enroll "${LAB_URL[one]}" "$ca" SN-one ecc256 endorsement elsewhere
says '^issued=1$'
user valued get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 2
says '^SN-one TLSv1.3 full$' 2
WITH=(env "USER_KEY_AUTH=file:$LAB/wrong")
user valued get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 1
fails 2 tpm-auth 'tried once'
WITH=(env "USER_KEY_AUTH=file:$LAB/nowhere")
user valued get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 1
fails 5 io-error 'nowhere'
WITH=(env USER_KEY_AUTH=value)
user valued status
fails 1 usage 'file:PATH'
WITH=()
user filed enroll "${LAB_URL[one]}" "$ca" SN-one ecc256 never
says '^issued=1$'
user filed get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 1
says '^SN-one TLSv1.3 full$' 1
lab_tpm_clean one

lab_say "a directory whose key is no longer in the TPM: the first one's was replaced"
user ecc256 get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 1
fails 2 tpm-handle-taken "there is no key at the TPM's handle 0x81020000"
user other enroll "${LAB_URL[one]}" "$ca" SN-one ecc256
says '^issued=1$'
user ecc256 get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 1
fails 2 tpm-handle-taken "is not that of device.crt"

lab_say "a TPM that is slow is told of while it is; one that is full in a handshake is told of after it, by what to do"
lab_plan slow 'slow 0x131:1 1 2500'
WITH=(lab_faulty slow)
user rsa2048 enroll "${LAB_URL[one]}" "$ca" SN-one rsa2048 renew
says '^event 3 step 0/0: $' 2
says '^issued=1$'
lab_plan full 'answer 0x15D:1 0 0x902'
WITH=(lab_faulty full)
user rsa2048 get "$LAB/far.crt" "${LAB_PORT[new]}" 1.3 1
fails 2 tpm-not-ready 'end the other programs that hold keys in the TPM'
WITH=()
lab_tpm_clean one

lab_say "the progress function stops an enrolment, which leaves nothing in the TPM"
user rsa2048 enroll "${LAB_URL[one]}" "$ca" SN-one rsa2048 renew stop
fails 130 interrupted ''
lab_tpm_clean one

lab_say "a child does not use its parent's handle, and the parent goes on"
user rsa2048 fork "$LAB/far.crt" "${LAB_PORT[new]}"
grep -q "^failed 1 usage: the handle is another process's" "$LAB/user.out" || lab_die "$(cat "$LAB/user.out")"
says '^SN-one TLSv1.3 full$'

lab_say "the TPM goes away under a program that runs, and comes back"
mkfifo "$LAB/fifo"
lab_plan hold
lab_faulty hold "$BIRTHMARK_USER" "$LAB/rsa2048" "$(lab_tcti one)" hold "$LAB/far.crt" "$LAB/fifo" >"$LAB/hold.out" 2>"$LAB/hold.log" &
LAB_PID[hold]=$!
exec 7>"$LAB/fifo"
held() {
    [[ $(grep -cE -- "$1" "$LAB/hold.out") == "$2" ]] || lab_gone "${LAB_PID[hold]}"
}
# once LINE PATTERN COUNT: one more connection, after which there are so many such lines.
once() {
    echo "$1" >&7
    lab_wait 30 held "$2" "$3" && lab_alive "${LAB_PID[hold]}" || lab_die "not said: $2: $(cat "$LAB/hold.out")"
}
new=${LAB_PORT[new]} old=${LAB_PORT[old]}
once "$new" '^SN-one TLSv1.3 full$' 1
lab_tpm_stop one
once "$new" '^failed 2 tpm-unreachable: .*check' 1
once "$new" '^failed 2 tpm-unreachable: .*check' 2
lab_tpm_start one 7>&-
once "$new" '^SN-one TLSv1.3 full$' 2
lab_say "a TPM whose RSA-PSS is none that TLS 1.3 takes, here because it is changed on its way: it says so, and from then on it is TLS 1.2"
lab_plan hold 'flip 0x15D:1 1 100'
once "$new" "^failed 2 tpm-error: the TPM's RSA-PSS signatures are none that TLS 1.3 takes" 1
lab_plan hold
once "+$old" '^SN-one TLSv1.2 full$' 1
once "+$new" '^failed 90 tls: .*protocol version' 1
exec 7>&-
lab_wait 10 lab_gone "${LAB_PID[hold]}" || lab_die "the program does not end"
wait "${LAB_PID[hold]}" || lab_die "the program ended with $?: $(cat "$LAB/hold.out")"
unset 'LAB_PID[hold]'
[[ ! -s $LAB/hold.log ]] || lab_die "the library wrote to stderr: $(cat "$LAB/hold.log")"

lab_say "the server's side: it shows the identity, and wants a certificate of those whom it trusts"
# serve RC [s_client options]: one connection to it, which ends with RC for it; what the client got is in $LAB/got.
serve() {
    local want=$1 rc=0
    shift
    rm -f "$LAB/port"
    "$BIRTHMARK_USER" "$LAB/rsa2048" "$(lab_tcti one)" serve "$LAB/far.crt" "$LAB/port" >"$LAB/serve.out" 2>"$LAB/serve.log" &
    LAB_PID[serve]=$!
    lab_wait 10 test -s "$LAB/port" || lab_die "the program does not listen"
    # An identity's certificate is one for clients: whoever connects must allow for that.
    timeout 60 openssl s_client -connect "127.0.0.1:$(cat "$LAB/port")" -CAfile "$ca" -purpose sslclient -verify_return_error -ign_eof -quiet "$@" \
        </dev/null >"$LAB/got" 2>"$LAB/s_client.log" || true
    wait "${LAB_PID[serve]}" || rc=$?
    unset 'LAB_PID[serve]'
    ((rc == want)) || lab_die "it ended with $rc: $(cat "$LAB/serve.out")"
}
for version in 1.3 1.2; do
    serve 0 -cert "$LAB/far.crt" -key "$LAB/far.key" "-tls${version/./_}"
    grep -qx "hello far.lab over TLSv$version" "$LAB/got" || lab_die "$(cat "$LAB/got" "$LAB/s_client.log")"
done
serve 1
grep -q 'peer did not return a certificate' "$LAB/serve.out" || lab_die "$(cat "$LAB/serve.out")"
lab_tpm_clean one

lab_say "the example of the documentation: nginx greets it by its name"
cp "$LAB/far.crt" "$LAB/web.crt"
cp "$LAB/far.key" "$LAB/web.key"
port=$(lab_free_port)
lab_nginx nginx "$ca" "$port"
BIRTHMARK_TCTI=$(lab_tcti one) timeout 60 "$BIRTHMARK_EXAMPLE" localhost "$port" "$LAB/far.crt" "$LAB/rsa2048" >"$LAB/example.out" 2>"$LAB/example.err" ||
    lab_die "$(cat "$LAB/example.err")"
grep -q '^Hello SN-one, verified SUCCESS over TLSv1.3' "$LAB/example.out" || lab_die "$(cat "$LAB/example.out")"
lab_say "and without an identity it says what to do"
lab_fails "$BIRTHMARK_EXAMPLE" localhost "$port" "$LAB/far.crt" "$LAB/nobody"
lab_said "client: $LAB/nobody has no device.crt .*: run 'birthmark enroll'"
