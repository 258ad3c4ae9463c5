// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import java.util.List;

/// What is done with connections of a pod in one direction, by one tier of policies: the first step
/// that means a connection decides, and what no step means, or is passed on, is left to the rest.
record Chain(List<Step> steps, Rest rest) {
  Chain {
    steps = List.copyOf(steps);
  }

  /// What becomes of connections that no step decides.
  sealed interface Rest {
    /// They may be.
    record Allowed() implements Rest {
      @Override
      public String toString() {
        return "the rest is allowed";
      }
    }

    /// They are dropped, as the pod is isolated.
    record Dropped() implements Rest {
      @Override
      public String toString() {
        return "the rest is dropped";
      }
    }

    /// Another chain says.
    record Next(String chain) implements Rest {
      @Override
      public String toString() {
        return "the rest to " + chain;
      }
    }
  }
}
