#!/bin/bash
# The files of the state directory are looked at before anything else: one that others can read, change or have put there
# is refused, with what to do; done, the server starts.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
ca=$LAB/ca-one

# refuses TEXT [OPTIONS]: birthmarkd does not begin (78), says this, and has not listened.
refuses() {
    local rc=0 text=$1
    shift
    "$BIRTHMARKD" --state "$ca" --listen 127.0.0.1:0 --servers 1 "$@" >"$LAB/refused.out" 2>"$LAB/refused.log" || rc=$?
    [[ $rc == 78 ]] || lab_die "exit status $rc: $(cat "$LAB/refused.log")"
    grep -qF -- "$text" "$LAB/refused.log" || lab_die "not said: '$text': $(cat "$LAB/refused.log")"
    [[ ! -s $LAB/refused.out ]] || lab_die "it listened"
}

for file in keys keys/ca.key keys/ticket.key keys/tls.key keys/passphrase database/birthmark.db; do
    lab_say "$file, open to others"
    mode=$(stat -c %a "$ca/$file")
    for open in 640 604 620; do
        chmod "$open" "$ca/$file"
        refuses "$ca/$file "
        grep -q 'chmod' "$LAB/refused.log"
    done
    chmod "$mode" "$ca/$file"
done

for file in . database birthmark.conf ca.crt tls.crt; do
    lab_say "$file, for others to change"
    mode=$(stat -c %a "$ca/$file")
    for open in 720 702; do
        chmod "$open" "$ca/$file"
        refuses "$ca/$file can be changed by other users: chmod go-w"
    done
    chmod "$mode" "$ca/$file"
done

for file in keys database birthmark.conf ca.crt tls.crt keys/ca.key keys/ticket.key keys/tls.key keys/passphrase \
    database/birthmark.db; do
    lab_say "$file, a symbolic link"
    mv "$ca/$file" "$LAB/moved"
    ln -s "$LAB/moved" "$ca/$file"
    refuses "$ca/$file is a symbolic link"
    rm "$ca/$file"
    mv "$LAB/moved" "$ca/$file"
done

lab_say "a passphrase file that is named, open to others"
cp "$ca/keys/passphrase" "$LAB/word"
chmod 644 "$LAB/word"
refuses "$LAB/word can be read by others; chmod 600 it" --passphrase-file "$LAB/word"

if (($(id -u) == 0)); then
    for file in . keys database birthmark.conf ca.crt tls.crt keys/ca.key keys/tls.key database/birthmark.db; do
        lab_say "$file, another user's"
        chown -h 61234 "$ca/$file"
        refuses "$ca/$file belongs to user 61234, and birthmarkd runs as user 0"
        chown -h 0 "$ca/$file"
    done
else
    lab_say "not root: that another user's files are refused is not tried"
fi

lab_say "a file that is missing is told apart"
mv "$ca/keys/ticket.key" "$LAB/moved"
refuses "$ca/keys/ticket.key: No such file or directory"
mv "$LAB/moved" "$ca/keys/ticket.key"

lab_say "as init made it, it starts"
lab_server one
