// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.objects;

import io.fabric8.kubernetes.api.model.IntOrString;
import org.jspecify.annotations.Nullable;

/// Numbers that may be given as a percentage of a whole, such as `maxSurge: 25%`.
public final class Portions {
  private Portions() {}

  public static int roundedUp(@Nullable IntOrString portion, int whole, String ifAbsent) {
    return of(portion, whole, true, ifAbsent);
  }

  public static int roundedDown(@Nullable IntOrString portion, int whole, String ifAbsent) {
    return of(portion, whole, false, ifAbsent);
  }

  private static int of(@Nullable IntOrString portion, int whole, boolean up, String ifAbsent) {
    if (portion != null && portion.getIntVal() != null) {
      return portion.getIntVal();
    }
    String text = (portion == null || portion.getStrVal() == null) ? ifAbsent : portion.getStrVal();
    if (!text.endsWith("%")) {
      return Integer.parseInt(text);
    }
    long scaled = Long.parseLong(text.substring(0, text.length() - 1)) * whole;
    return (int) (up ? Math.ceilDiv(scaled, 100L) : Math.floorDiv(scaled, 100L));
  }
}
