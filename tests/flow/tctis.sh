#!/bin/bash
# tctis.sh: the ways to a TPM. enroll, show and doctor by a unix socket, by TCP, and by the resource manager tpm2-abrmd, beside other programs that use the
# same TPM; by /dev/tpmrm0 where the kernel can have a software TPM (vtpm proxy).
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
lab_tpm one --ek L-2

# works NAME TCTI HANDLE WORDS: the three commands by that way, which the doctor calls so.
works() {
    local id=$LAB/id-$1 args=(--tcti "$2" --handle "$3" --state "$LAB/id-$1")
    lab_say "$1: $2"
    "$BIRTHMARK" enroll "${args[@]}" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --serial SN1 --key ecc256 >"$LAB/enroll.out" 2>&1 ||
        lab_die "$(cat "$LAB/enroll.out")"
    openssl verify -purpose sslclient -CAfile "$(lab_ca_file one)" -untrusted "$id/chain.crt" "$id/device.crt" >/dev/null
    "$BIRTHMARK" enroll "${args[@]}" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --serial SN1 | grep -q 'nothing to do'
    "$BIRTHMARK" show "${args[@]}" >"$LAB/show.out"
    grep -q 'for the key  *at the handle' "$LAB/show.out" || lab_die "$(cat "$LAB/show.out")"
    "$BIRTHMARK" doctor "${args[@]}" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" >"$LAB/doctor.out" || lab_die "$(cat "$LAB/doctor.out")"
    grep -Eq "^ok +resource-manager +$4" "$LAB/doctor.out" || lab_die "$(cat "$LAB/doctor.out")"
    grep -Eq "^ok +identity " "$LAB/doctor.out" || lab_die "$(cat "$LAB/doctor.out")"
}

works socket "$(lab_tcti one)" 0x81020000 'none: one program'
lab_tpm_clean one
works socket-by-its-long-name "libtss2-tcti-swtpm.so.0:path=$LAB/tpm-one/sock" 0x81020001 'none: one program'
lab_tpm_clean one
lab_tpm_stop one

# tcp_start: the same TPM on two ports of 127.0.0.1, one after the other, that were free a moment ago: ${TCP_PORT}.
tcp_start() {
    local try
    for try in 1 2 3 4 5; do
        TCP_PORT=$(lab_free_port)
        swtpm socket --tpm2 --tpmstate dir="$LAB/tpm-one" --server "type=tcp,port=$TCP_PORT,bindaddr=127.0.0.1" \
            --ctrl "type=tcp,port=$((TCP_PORT + 1)),bindaddr=127.0.0.1" --flags not-need-init,startup-clear >"$LAB/tpm-one/tcp.log" 2>&1 &
        LAB_PID[tpm-one]=$!
        lab_wait 10 tcp_listens "$!" || lab_die "swtpm says nothing by TCP"
        if lab_alive "${LAB_PID[tpm-one]}"; then
            return
        fi
        unset 'LAB_PID[tpm-one]'
    done
    lab_die "swtpm did not start by TCP, $try times"
}
tcp_listens() {
    lab_gone "$1" || grep -q "$(printf ':%04X ' $((TCP_PORT + 1))).*0A" /proc/net/tcp
}
tcp_start
works tcp "swtpm:host=127.0.0.1,port=$TCP_PORT" 0x81020002 'none: one program'
lab_tpm_stop one

# The resource manager, on a bus of its own.
lab_tpm_start one
dbus-daemon --session --nofork --nopidfile --address="unix:path=$LAB/bus" >"$LAB/dbus.log" 2>&1 &
LAB_PID[dbus]=$!
lab_wait 10 test -S "$LAB/bus" || lab_die "dbus-daemon says nothing"
export DBUS_SESSION_BUS_ADDRESS=unix:path=$LAB/bus
tpm2-abrmd --session --allow-root --tcti="$(lab_tcti one)" >"$LAB/abrmd.log" 2>&1 &
LAB_PID[abrmd]=$!
tabrmd=tabrmd:bus_type=session
manages() {
    lab_gone "${LAB_PID[abrmd]}" || TPM2TOOLS_TCTI=$tabrmd tpm2_getcap properties-fixed >/dev/null 2>&1
}
lab_wait 20 manages || lab_die "tpm2-abrmd says nothing: $(cat "$LAB/abrmd.log")"
lab_alive "${LAB_PID[abrmd]}" || lab_die "tpm2-abrmd did not start: $(cat "$LAB/abrmd.log")"
works tabrmd "$tabrmd" 0x81020003 'programs can use'

lab_say "beside another program that makes keys all the time, and beside another agent"
busy() {
    local round=0
    while [[ ! -e $LAB/enough ]]; do
        TPM2TOOLS_TCTI=$tabrmd tpm2_createprimary -Q -C n -G ecc256 -c "$LAB/busy.ctx" >/dev/null 2>&1 && round=$((round + 1))
    done
    printf '%s\n' "$round" >"$LAB/rounds"
}
busy &
LAB_PID[busy]=$!
others=()
for i in 1 2; do
    "$BIRTHMARK" enroll --tcti "$tabrmd" --handle "0x8102001$i" --state "$LAB/id-beside$i" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" \
        --serial SN1 --key ecc256 >"$LAB/beside$i.out" 2>&1 &
    others+=($!)
done
for pid in "${others[@]}"; do
    wait "$pid" || lab_die "an agent failed: $(cat "$LAB"/beside?.out)"
done
touch "$LAB/enough"
wait "${LAB_PID[busy]}"
unset 'LAB_PID[busy]'
(($(cat "$LAB/rounds") > 0)) || lab_die "the other program made no key"
for i in 1 2; do
    [[ $(cat "$LAB/id-beside$i/key.uri") == "handle:0x8102001$i" ]] || lab_die "no identity of agent $i"
done
lab_stop abrmd
lab_stop dbus
lab_tpm_clean one
lab_tpm_stop one

if [[ -c /dev/vtpmx ]]; then
    # swtpm makes the device and says which one; nobody else has it.
    swtpm chardev --vtpm-proxy --tpm2 --tpmstate dir="$LAB/tpm-one" --flags startup-clear >"$LAB/vtpm.log" 2>&1 &
    LAB_PID[vtpm]=$!
    lab_wait 10 grep -q '/dev/tpm[0-9]' "$LAB/vtpm.log" || lab_die "swtpm made no device: $(cat "$LAB/vtpm.log")"
    node=$(grep -o '/dev/tpm[0-9]*' "$LAB/vtpm.log" | head -n 1)
    lab_wait 10 test -c "${node/tpm/tpmrm}" || lab_die "the kernel has no resource manager"
    works device "device:${node/tpm/tpmrm}" 0x81020004 'programs can use'
else
    lab_say "device:/dev/tpmrm0 is NOT tested: this kernel has no TPM that is not the machine's own (no /dev/vtpmx)"
fi
