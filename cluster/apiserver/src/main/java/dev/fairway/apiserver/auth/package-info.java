/// Who is asking, and may they: client certificates, service-account tokens, and one visible list
/// of who may do what.
///
/// Limits: no anonymous access, no static tokens, no OIDC, no impersonation.
@NullMarked
package dev.fairway.apiserver.auth;

import org.jspecify.annotations.NullMarked;
