// SPDX-License-Identifier: Apache-2.0
/// Runs pods until enough of them have succeeded.
///
/// Progress is counted from the pods that exist, so a pod that is deleted by hand after it ended is
/// run again. Indexed completion, pod failure policies and success policies are not here yet.
@NullMarked
package dev.fairway.controllers.job;

import org.jspecify.annotations.NullMarked;
