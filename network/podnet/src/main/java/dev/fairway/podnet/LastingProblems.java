// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Logs problems that last. Every node begins as a problem: without a range, without a tunnel. Only
/// what is still so at the next look is worth a word, and one is enough.
final class LastingProblems {
  private static final Logger LOG = LoggerFactory.getLogger(LastingProblems.class);

  private final Set<String> told = new HashSet<>();
  private List<String> before = List.of();

  void look(List<String> problems) {
    told.retainAll(problems);
    for (String problem : problems) {
      if (before.contains(problem) && told.add(problem)) {
        LOG.warn("Pod network: {}", problem);
      }
    }
    before = problems;
  }
}
