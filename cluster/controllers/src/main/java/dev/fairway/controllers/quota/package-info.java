// SPDX-License-Identifier: Apache-2.0
/// The counts of ResourceQuotas: `status.hard` follows `spec.hard`, and `status.used` is counted
/// anew when a quota is new or changed and every five minutes.
///
/// Between two counts the API server keeps `status.used` right by itself, write by write.
@NullMarked
package dev.fairway.controllers.quota;

import org.jspecify.annotations.NullMarked;
