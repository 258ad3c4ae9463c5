// SPDX-License-Identifier: Apache-2.0
/// Who owns which field of an object: `metadata.managedFields`, and server-side apply, which is
/// made of it.
///
/// Fields are named as `FieldsV1` names them, so a set of them is read and written without a form
/// in between. An object's schema says how far it is divided among owners: an atomic list or struct
/// has one owner, a struct's fields, a map's entries and the items of a list with keys have one
/// each.
///
/// Sources: the Kubernetes documentation's page on server-side apply, KEP-555, and the document on
/// merge and ownership that sigs.k8s.io/structured-merge-diff comes with. Versions of a kind are
/// taken to have the same fields.
@NullMarked
package dev.fairway.apimachinery.managedfields;

import org.jspecify.annotations.NullMarked;
