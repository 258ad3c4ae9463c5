// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// What a namespace's labels ask for.
///
/// @param errors labels that say nothing; they count as the strictest level
public record Policy(Rule enforce, Rule audit, Rule warn, List<FieldError> errors) {
  private static final String PREFIX = "pod-security.kubernetes.io/";

  public Policy {
    errors = List.copyOf(errors);
  }

  /// A level as of a version.
  ///
  /// @param minor of Kubernetes 1.MINOR; [Integer#MAX_VALUE] for the latest
  public record Rule(Level level, int minor) {
    static final int LATEST = Integer.MAX_VALUE;

    /// `restricted:latest`, `baseline:v1.25`.
    @Override
    public String toString() {
      return level + ":" + (minor == LATEST ? "latest" : "v1." + minor);
    }
  }

  /// True if no pod can break any of it.
  public boolean allowsAll() {
    return enforce.level() == Level.PRIVILEGED
        && audit.level() == Level.PRIVILEGED
        && warn.level() == Level.PRIVILEGED;
  }

  /// Reads a Namespace. Who is not told whether to warn is warned of what is enforced.
  public static Policy of(@Nullable JsonNode namespace) {
    JsonNode labels = Trees.at(namespace, "metadata", "labels");
    List<FieldError> errors = new ArrayList<>();
    Rule enforce = rule(labels, "enforce", errors);
    Rule audit = rule(labels, "audit", errors);
    Rule warn = rule(labels, "warn", errors);
    if (Trees.at(labels, PREFIX + "warn") == null) {
      warn = enforce;
    }
    return new Policy(enforce, audit, warn, errors);
  }

  private static Rule rule(@Nullable JsonNode labels, String mode, List<FieldError> errors) {
    String key = PREFIX + mode;
    Level level = Level.PRIVILEGED;
    JsonNode named = Trees.at(labels, key);
    if (named != null) {
      Level parsed = Level.parse(named.asString());
      if (parsed == null) {
        errors.add(
            FieldError.invalid(
                "metadata.labels[" + key + "]",
                named.asString(),
                "must be one of privileged, baseline, restricted"));
      }
      level = parsed == null ? Level.RESTRICTED : parsed;
    }
    int minor = Rule.LATEST;
    JsonNode version = Trees.at(labels, key + "-version");
    if (version != null) {
      minor = minor(version.asString());
      if (minor < 0) {
        errors.add(
            FieldError.invalid(
                "metadata.labels[" + key + "-version]",
                version.asString(),
                "must be \"latest\" or \"v1.x\""));
        minor = Rule.LATEST;
      }
    }
    return new Rule(level, minor);
  }

  private static int minor(String version) {
    if (version.equals("latest")) {
      return Rule.LATEST;
    }
    String digits = version.startsWith("v1.") ? version.substring(3) : "";
    boolean plain = !digits.isEmpty() && digits.length() < 6;
    for (int i = 0; i < digits.length(); i++) {
      plain &= digits.charAt(i) >= '0' && digits.charAt(i) <= '9';
    }
    plain &= digits.length() == 1 || !digits.startsWith("0");
    return plain ? Integer.parseInt(digits) : -1;
  }
}
