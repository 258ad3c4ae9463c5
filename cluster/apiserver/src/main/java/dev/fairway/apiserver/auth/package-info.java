/// Who is asking, and may they: client certificates and service-account tokens; one visible list of
/// what the cluster's own parts may do; RBAC objects for people and service accounts.
///
/// Limits: nobody is kept from granting more than they have; no anonymous access, static tokens or
/// OIDC.
@NullMarked
package dev.fairway.apiserver.auth;

import org.jspecify.annotations.NullMarked;
