/*
 * The certificate and its key: checked before lws reads them, and read again while the daemon
 * runs.
 *
 * Both are read and compared by a context of their own, on the thread pool; what has been found
 * good there is put into the one that lws made, on the loop, in one call. So connections that
 * are open go on, those that come get the new certificate, and one that is damaged changes nothing.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "net/server_priv.h"

static const char *
reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text != NULL ? text : "it cannot be used";
}

static int
load(const char *cert, const char *key, SSL_CTX **out, char **cause)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int rc = 0;

	ERR_clear_error();
	if (ctx == NULL)
		rc = err_set(cause, -ENOMEM, "TLS: %s", reason());
	else if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		rc = err_set(cause, -EINVAL, "certificate %s: %s", cert, reason());
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		rc = err_set(cause, -EINVAL, "key %s: %s", key, reason());
	else if (SSL_CTX_check_private_key(ctx) != 1)
		rc = err_set(cause, -EINVAL, "key %s is not that of certificate %s", key, cert);
	ERR_clear_error();
	if (rc == 0)
		*out = ctx;
	else
		SSL_CTX_free(ctx);
	return rc;
}

int
server_check_tls(const char *cert, const char *key, char **cause)
{
	SSL_CTX *ctx = NULL;
	int rc = load(cert, key, &ctx, cause);

	SSL_CTX_free(ctx);
	return rc;
}

/* lws makes it; it is kept to be changed. */
void
tls_made(struct server *s, void *ctx)
{
	s->tls_context = ctx;
	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
}

struct reload {
	uv_work_t work;
	struct server *server;
	SSL_CTX *ctx; /* NULL: it failed */
	char *cause;
};

static void
reload_work(uv_work_t *w)
{
	struct reload *r = w->data;

	load(r->server->cfg.tls_cert, r->server->cfg.tls_key, &r->ctx, &r->cause);
}

static void
reload_done(uv_work_t *w, int status)
{
	struct reload *r = w->data;
	struct server *s = r->server;
	STACK_OF(X509) *chain = NULL;

	s->tls_reloading = false;
	if (s->stopping || status != 0)
		log_info("net", "the certificate was not read again: the daemon ends");
	else if (r->ctx == NULL)
		log_error("net", "the old certificate stays: %s", r->cause);
	else if (SSL_CTX_get0_chain_certs(r->ctx, &chain) != 1 ||
		 SSL_CTX_use_cert_and_key(s->tls_context, SSL_CTX_get0_certificate(r->ctx),
		     SSL_CTX_get0_privatekey(r->ctx), chain, 1) != 1)
		log_error("net", "the old certificate stays: %s", reason());
	else
		log_info("net", "the certificate %s was read again", s->cfg.tls_cert);
	SSL_CTX_free(r->ctx);
	free(r->cause);
	free(r);
}

void
server_reload_tls(struct server *s)
{
	struct reload *r;

	if (s->tls_context == NULL || s->tls_reloading)
		return;
	r = xcalloc(1, sizeof *r);
	r->server = s;
	r->work.data = r;
	s->tls_reloading = true;
	uv_queue_work(s->loop, &r->work, reload_work, reload_done);
}
