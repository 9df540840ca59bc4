// Package auth decides who a connection is and what it may do: authentication schemes, access control
// lists, forced authentication.
//
// A Registry is made once from the configuration and does not change; any goroutine may use it. The
// Identities of a connection are an immutable value. The owner of the connection replaces its value on a
// successful auth, and a request carries the value of the moment it was read from the socket, so an auth
// sent earlier on the same connection always counts and one sent later never does.
//
// The schemes world and auth are part of the rules themselves. digest and ip are built in. Further
// schemes implement Provider and are passed in Config; those that learn who a client is by other means
// than an auth request (a TLS handshake, SASL) add the identity with Identities.With.
//
// Lists of access control entries stay in their wire encoding (proto.ACLs), checked by its decoder
// before they come here. Evaluating one allocates nothing.
package auth
