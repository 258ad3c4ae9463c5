/// Filters: which routes are believed and which are told, and what is changed on the way.
///
/// A [dev.fairway.bgp.policy.Policy] is a list of rules; the first that matches decides. All is
/// pure and compares values only; the text that users write is read elsewhere.
@NullMarked
package dev.fairway.bgp.policy;

import org.jspecify.annotations.NullMarked;
