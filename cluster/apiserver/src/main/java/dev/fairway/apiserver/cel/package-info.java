// SPDX-License-Identifier: Apache-2.0
/// Expressions in the Common Expression Language, with the functions Kubernetes adds: what
/// admission policies and the schemas of custom kinds are written in.
///
/// The library is loaded by the first expression there is, so a cluster without any does not pay
/// for it. Limits: values have no static types, so a wrong field name is found when the expression
/// runs; no `authorizer`; an expression is bounded by its length and by how often it may iterate,
/// not by upstream's cost numbers.
@NullMarked
package dev.fairway.apiserver.cel;

import org.jspecify.annotations.NullMarked;
