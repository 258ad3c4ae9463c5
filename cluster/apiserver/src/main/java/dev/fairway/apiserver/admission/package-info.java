/// What happens to an object between its reader and the store: defaults that need the cluster, and
/// rules that need other objects. [dev.fairway.apiserver.admission.AdmissionChain] is the order.
///
/// Limits: what is connected to (exec, attach, port-forward, proxy), evictions, bindings, scales
/// and tokens are told to no webhook or policy; there are no mutating policies and no audit
/// annotations.
@NullMarked
package dev.fairway.apiserver.admission;

import org.jspecify.annotations.NullMarked;
