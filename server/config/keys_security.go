package config

func authKeys(d *draft) []key {
	return []key{
		{name: "skipACL", kind: yesNo(&d.Auth.SkipACL), def: "no", text: "Turn every access check off."},
		{name: "DigestAuthenticationProvider.enabled", kind: boolean(&d.Auth.DigestEnabled), def: "true", text: "Offer the scheme digest."},
		{name: "DigestAuthenticationProvider.digestAlg", kind: digestAlgorithm(&d.Auth.DigestAlgorithm), def: "SHA1",
			text: "Hash of the scheme digest. The same on all servers, and as long as there are such ACLs."},
		{name: "DigestAuthenticationProvider.superDigest", kind: userDigest(&d.Auth.SuperDigest), derived: "none", secret: true,
			text: "`super:` and the base64 digest of the user that passes every ACL."},
		{name: "enforce.auth.enabled", kind: boolean(&d.enforceAuth), def: "false",
			text: "Close sessions that ask for anything before they authenticated."},
		{name: "enforce.auth.schemes", kind: list(&d.enforceSchemes), derived: "none", example: "digest",
			text: "Schemes of which they need one: digest, ip."},
		{name: "IPAuthenticationProvider.usexforwardedfor", kind: boolean(nil), status: later, def: "false", text: "Believe X-Forwarded-For on the admin server."},
		{name: "X509AuthenticationProvider.superUser", kind: text(nil), status: later, derived: "none", text: "Distinguished name that passes every ACL."},
		{name: "authProvider.NAME", kind: text(nil), status: later, derived: "none", text: "Java class of another authentication provider."},
		{name: "ensembleAuthName", kind: list(nil), status: later, derived: "none", text: "Names for the scheme ensemble."},
		{name: "enableEagerACLCheck", kind: anything("true or false"), status: noEffect, text: "Apache's early check on a follower; the result is the same without."},
	}
}

func saslKeys(d *draft) []key {
	return []key{
		{name: "sessionRequireClientSASLAuth", quiet: true, kind: boolean(&d.requireSASL), status: later, def: "false", text: "Require SASL. `true` refuses to start, so that nobody is let in without."},
		{name: "allowSaslFailedClients", kind: boolean(nil), status: later, def: "false", text: "Keep connections whose SASL failed."},
		{name: "sasl.serverconfig", kind: text(nil), status: later, def: "Server", text: "Section of the JAAS file."},
		{name: "superUser", kind: text(nil), status: later, derived: "none", text: "SASL user that passes every ACL."},
		{name: "superUser.NAME", kind: text(nil), status: later, derived: "none", text: "More of them."},
		{name: "SASLAuthenticationProvider.superPassword", kind: text(nil), status: later, derived: "none", secret: true, text: "Password of the DIGEST-MD5 user super."},
		{name: "letAnySaslUserDoX", kind: text(nil), status: later, derived: "none", text: "ACL id that matches every SASL user."},
		{name: "kerberos.removeHostFromPrincipal", kind: boolean(nil), status: later, def: "false", text: "Drop the host from the authorized id."},
		{name: "kerberos.removeRealmFromPrincipal", kind: boolean(nil), status: later, def: "false", text: "Drop the realm from the authorized id."},
		{name: "kerberos.canonicalizeHostNames", kind: boolean(nil), status: later, def: "false", text: "Look the names of servers up before Kerberos sees them."},
		{name: "kerberos.minReLoginTimeMs", kind: millis(decoded, 0, nil), status: later, def: "60000", text: "Shortest time between logins, ms."},
		{name: "security.auth_to_local", kind: text(nil), status: later, def: "DEFAULT", text: "Rules from principal to user."},
		{name: "requireKerberosConfig", kind: boolean(nil), status: later, def: "false", text: "Fail without Kerberos's own configuration."},
		{name: "server.realm", kind: anything("text"), status: noEffect, text: "Apache reads it only from `-D`: in the file it would be a server."},
		{name: "kinit", kind: anything("path"), status: noEffect, text: "Command by which Java renews its ticket cache."},
		{name: "java.security.auth.login.config", kind: anything("path"), status: noEffect, text: "Path of Java's JAAS file."},
		{name: "quorum.auth.enableSasl", quiet: true, kind: boolean(&d.quorumSASL), status: later, def: "false", text: "SASL between servers. An ensemble with `true` refuses to start."},
		{name: "quorum.auth.learnerRequireSasl", quiet: true, kind: boolean(&d.learnerSASL), status: later, def: "false", text: "Authenticate to other servers."},
		{name: "quorum.auth.serverRequireSasl", quiet: true, kind: boolean(&d.serverSASL), status: later, def: "false", text: "Require it of other servers."},
		{name: "quorum.auth.learner.saslLoginContext", kind: text(nil), status: later, def: "QuorumLearner", text: "Section of the JAAS file."},
		{name: "quorum.auth.server.saslLoginContext", kind: text(nil), status: later, def: "QuorumServer", text: "Section of the JAAS file."},
		{name: "quorum.auth.kerberos.servicePrincipal", kind: text(nil), status: later, def: "zkquorum/localhost", text: "Principal of the servers."},
		{name: "quorum.cnxn.threads.size", kind: anything("number"), status: noEffect, text: "Apache's threads for SASL between servers."},
	}
}

// tlsKeys are two families of the same keys, for clients (ssl.) and for other servers (ssl.quorum.).
func tlsKeys(d *draft) []key {
	var keys []key
	for _, family := range []struct{ prefix, who, clientHostnames string }{
		{"ssl.", "Client TLS", "false"}, {"ssl.quorum.", "Server TLS", "true"},
	} {
		add := func(suffix string, k kind, def, text string) {
			keys = append(keys, key{name: family.prefix + suffix, kind: k, status: later, def: def, text: family.who + ": " + text})
		}
		for _, file := range []struct{ name, what string }{{"keyStore", "own certificate"}, {"trustStore", "trusted certificates"}} {
			add(file.name+".location", text(nil), "", "file of the "+file.what+".")
			keys = append(keys, key{name: family.prefix + file.name + ".password", kind: text(nil), status: later, secret: true,
				text: family.who + ": password of that file."})
			add(file.name+".passwordPath", text(nil), "", "file that holds the password.")
			add(file.name+".type", optional(oneOf(nil, "JKS", "PEM", "PKCS12", "BCFKS")), "", "its format; by default from the file's name.")
		}
		add("protocol", text(nil), "", "protocol version.")
		add("enabledProtocols", list(nil), "", "protocol versions offered.")
		add("ciphersuites", list(nil), "", "cipher suites offered.")
		add("context.supplier.class", text(nil), "", "Java class that makes the context.")
		add("hostnameVerification", boolean(nil), "true", "check the peer's host name.")
		add("clientHostnameVerification", boolean(nil), family.clientHostnames, "check the host name of who connects.")
		add("allowReverseDnsLookup", boolean(nil), "false", "look the peer's name up for that.")
		add("crl", boolean(nil), "false", "check revocation lists.")
		add("ocsp", boolean(nil), "false", "check revocation online.")
		add("clientAuth", oneOf(nil, "none", "want", "need"), "need", "ask who connects for a certificate.")
		add("handshakeDetectionTimeoutMillis", millis(decoded, Unset, nil), "5000", "wait for the first bytes on a port with and without TLS, ms.")
	}
	return append(keys, []key{
		{name: "ssl.authProvider", kind: text(nil), status: later, def: "x509", text: "Client TLS: provider that judges client certificates."},
		{name: "ssl.sslProvider", kind: anything("text"), status: noEffect, text: "Java's TLS library."},
		{name: "client.certReload", kind: boolean(nil), status: later, def: "false", text: "Client TLS: read changed certificate files."},
		{name: "sslQuorum", quiet: true, kind: boolean(&d.quorumTLS), status: later, def: "false", text: "TLS between servers. An ensemble with `true` refuses to start."},
		{name: "portUnification", kind: boolean(nil), status: later, def: "false", text: "Server TLS: accept both TLS and plaintext."},
		{name: "sslQuorumReloadCertFiles", kind: boolean(nil), status: later, def: "false", text: "Server TLS: read changed certificate files."},
		{name: "fips-mode", kind: boolean(nil), status: later, def: "true", text: "Only what FIPS 140 allows."},
	}...)
}
