/// What happens to an object between its reader and the store: defaults that need the cluster, and
/// rules that need other objects. [dev.fairway.apiserver.admission.AdmissionChain] is the order.
///
/// Limits: what is connected to (exec, attach, port-forward, proxy) passes no rules.
@NullMarked
package dev.fairway.apiserver.admission;

import org.jspecify.annotations.NullMarked;
