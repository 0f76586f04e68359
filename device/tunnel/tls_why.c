#include "device/tunnel/tls_why.h"

#include "device/talk/exit.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#define ALERT_FIRST 1000 /* OpenSSL's reasons for alerts that came: 1000 and the alert (RFC 8446, 6) */

void bm_tunnel_why_of_result(bm_result result, char why[BM_TUNNEL_WHY_SIZE])
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;

    why[0] = 0;
    if (result.code != BM_OK && bm_exit_put_sentence(&sentence, result).code == BM_OK)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "%.*s", (int)sentence.size, (const char *)sentence.data);
    else if (result.code != BM_OK)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "%s", bm_code_advice(result.code));
}

static void of_verification(long verdict, const char *name, char why[BM_TUNNEL_WHY_SIZE])
{
    const char *text = X509_verify_cert_error_string(verdict);

    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server's certificate is not for %s: check --to, or give the name that it has with --name", name);
    else if (verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server's certificate is not valid now (%s): check this device's clock, and the server", text);
    else
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server's certificate is not signed by one of --ca (%s): check that it is the right server, and --ca", text);
}

/* Alerts with which a server says that it does not want our certificate. */
static bool is_about_certificate(int alert)
{
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) || alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
           alert == SSL_AD_CERTIFICATE_REQUIRED || alert == SSL_AD_DECRYPT_ERROR;
}

static void of_alert(int alert, bool asked, bool limited, char why[BM_TUNNEL_WHY_SIZE])
{
    const char *text = SSL_alert_desc_string_long(alert);

    if (is_about_certificate(alert))
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE,
                       "the server refused our certificate (%s): check that it trusts the identity CA, and 'birthmark show' for the dates", text);
    else if (limited && (alert == SSL_AD_PROTOCOL_VERSION || alert == SSL_AD_HANDSHAKE_FAILURE))
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server takes TLS 1.3 alone (%s), for which this TPM's RSA-PSS signatures are no good: use an ECC key "
                                                "('birthmark enroll --renew --key ecc256'), or let the server take TLS 1.2", text);
    else if (alert == SSL_AD_PROTOCOL_VERSION || alert == SSL_AD_HANDSHAKE_FAILURE)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server and we have no way in common (%s): it must take TLS 1.2 or 1.3 with ECDHE%s", text,
                       asked ? ", and this device's kind of key" : "");
    else
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server ended the connection (%s): look at its log", text);
}

void bm_tunnel_why_of_openssl(const SSL *ssl, int error, const char *name, bool asked, bool limited, char why[BM_TUNNEL_WHY_SIZE])
{
    int cause = errno;
    long verdict = SSL_get_verify_result(ssl);
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;

    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
        of_verification(verdict, name, why);
    else if (reason > ALERT_FIRST && reason <= ALERT_FIRST + UINT8_MAX)
        of_alert(reason - ALERT_FIRST, asked, limited, why);
    else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the connection ended without a goodbye (close_notify), so something may be missing at its end");
    else if (reason == SSL_R_WRONG_VERSION_NUMBER)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the server does not speak TLS at this port: check --to");
    else if (error == SSL_ERROR_SYSCALL)
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "the connection broke (%s): look at the network and the server", cause != 0 ? strerror(cause) : "it ended");
    else
        (void)snprintf(why, BM_TUNNEL_WHY_SIZE, "TLS failed (%s): look at the server's log", code != 0 ? ERR_reason_error_string(code) : "no reason given");
}
