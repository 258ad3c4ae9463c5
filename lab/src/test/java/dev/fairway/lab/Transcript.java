// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

/// What a person types and sees, written as they would see it, and played against a cluster.
///
/// Each line that begins with `$ ` is a command that must succeed, with `! ` one that must fail,
/// with `~ ` one that is typed until it succeeds and shows what it should. The lines below it must
/// appear in the output in this order, not necessarily next to each other; blanks count as one. In
/// commands `k` is kubectl, in the transcript's namespace.
final class Transcript {
  private final Shell shell;
  private final String prelude;

  /// @param kubectl the program, with options that belong to each call
  /// @param directory where the commands run
  Transcript(Shell shell, String kubectl, String namespace, java.nio.file.Path directory) {
    this.shell = shell;
    this.prelude =
        """
        set -o pipefail
        cd %s
        NS=%s
        K="%s"
        k() { timeout 150 $K -n $NS "$@"; }
        retry() { for _ in {1..100}; do "$@" && return; sleep 0.1; done; return 1; }
        """
            .formatted(directory, namespace, kubectl);
  }

  private record Step(char mark, String command, List<String> expected) {}

  void play(String text) throws InterruptedException {
    for (Step step : parse(text)) {
      String command = prelude + step.command();
      switch (step.mark()) {
        case '~' -> {
          String _ = shell.until(command, output -> missing(step, output).isEmpty());
        }
        case '!' -> check(step, shell.run(command).bad());
        default -> check(step, shell.run(command).good());
      }
    }
  }

  private static void check(Step step, String output) {
    assertThat(missing(step, output)).as("%s%n%s", step.command(), output).isEmpty();
  }

  /// The first expected line that is not there; empty if all are.
  private static String missing(Step step, String output) {
    String seen = oneBlank(output);
    int at = 0;
    for (String line : step.expected()) {
      int found = seen.indexOf(line, at);
      if (found < 0) {
        return line;
      }
      at = found + line.length();
    }
    return "";
  }

  private static List<Step> parse(String text) {
    List<Step> steps = new ArrayList<>();
    for (String line : text.lines().filter(line -> !line.isBlank()).toList()) {
      boolean command =
          line.length() > 2 && line.charAt(1) == ' ' && "$!~".indexOf(line.charAt(0)) >= 0;
      if (command) {
        steps.add(new Step(line.charAt(0), line.substring(2), new ArrayList<>()));
      } else {
        steps.getLast().expected().add(oneBlank(line).strip());
      }
    }
    return steps;
  }

  private static String oneBlank(String text) {
    return text.replaceAll("\\s+", " ");
  }
}
