// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import static dev.cel.common.CelFunctionDecl.newFunctionDeclaration;
import static dev.cel.common.CelOverloadDecl.newMemberOverload;

import com.google.re2j.Matcher;
import com.google.re2j.Pattern;
import dev.cel.bundle.CelBuilder;
import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.SimpleType;
import dev.cel.runtime.CelFunctionBinding;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Kubernetes' functions of lists, and `find` and `findAll` of strings.
final class ListFunctions {
  private static final CelType LIST = ListType.create(SimpleType.DYN);

  private ListFunctions() {}

  static void add(CelBuilder builder) {
    declare(builder, "isSorted", SimpleType.BOOL);
    declare(builder, "sum", SimpleType.DYN);
    declare(builder, "min", SimpleType.DYN);
    declare(builder, "max", SimpleType.DYN);
    declareSearch(builder, "indexOf");
    declareSearch(builder, "lastIndexOf");
    builder.addFunctionBindings(
        CelFunctionBinding.from("fairway_list_isSorted", List.class, list -> isSorted(list)),
        CelFunctionBinding.from("fairway_list_sum", List.class, list -> sum(list)),
        CelFunctionBinding.from("fairway_list_min", List.class, list -> most(list, -1)),
        CelFunctionBinding.from("fairway_list_max", List.class, list -> most(list, 1)),
        CelFunctionBinding.from(
            "fairway_list_indexOf",
            List.class,
            Object.class,
            (list, wanted) -> (long) list.indexOf(wanted)),
        CelFunctionBinding.from(
            "fairway_list_lastIndexOf",
            List.class,
            Object.class,
            (list, wanted) -> (long) list.lastIndexOf(wanted)));
    builder.addFunctionDeclarations(
        newFunctionDeclaration(
            "find",
            newMemberOverload(
                "fairway_string_find", SimpleType.STRING, SimpleType.STRING, SimpleType.STRING)),
        newFunctionDeclaration(
            "findAll",
            newMemberOverload(
                "fairway_string_find_all",
                ListType.create(SimpleType.STRING),
                SimpleType.STRING,
                SimpleType.STRING),
            newMemberOverload(
                "fairway_string_find_some",
                ListType.create(SimpleType.STRING),
                SimpleType.STRING,
                SimpleType.STRING,
                SimpleType.INT)));
    builder.addFunctionBindings(
        CelFunctionBinding.from(
            "fairway_string_find",
            String.class,
            String.class,
            (text, pattern) -> {
              List<Object> found = find(text, pattern, 1);
              return found.isEmpty() ? "" : found.getFirst();
            }),
        CelFunctionBinding.from(
            "fairway_string_find_all",
            String.class,
            String.class,
            (text, pattern) -> find(text, pattern, -1)),
        CelFunctionBinding.from(
            "fairway_string_find_some",
            List.of(String.class, String.class, Long.class),
            arguments -> find((String) arguments[0], (String) arguments[1], (Long) arguments[2])));
  }

  private static void declare(CelBuilder builder, String name, CelType result) {
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload("fairway_list_" + name, result, LIST)));
  }

  private static void declareSearch(CelBuilder builder, String name) {
    builder.addFunctionDeclarations(
        newFunctionDeclaration(
            name, newMemberOverload("fairway_list_" + name, SimpleType.INT, LIST, SimpleType.DYN)));
  }

  private static boolean isSorted(List<?> list) {
    for (int i = 1; i < list.size(); i++) {
      if (compare(list.get(i - 1), list.get(i)) > 0) {
        return false;
      }
    }
    return true;
  }

  private static Object sum(List<?> list) {
    long whole = 0;
    double broken = 0;
    boolean all = true;
    for (Object one : list) {
      switch (one) {
        case Long number -> whole = Math.addExact(whole, number);
        case Number number -> {
          broken += number.doubleValue();
          all = false;
        }
        default -> throw new IllegalArgumentException("no such overload");
      }
    }
    return all ? (Object) whole : (Object) (whole + broken);
  }

  private static Object most(List<?> list, int sign) {
    if (list.isEmpty()) {
      throw new IllegalArgumentException((sign < 0 ? "min" : "max") + " called on empty list");
    }
    Object best = Objects.requireNonNull(list.getFirst());
    for (Object one : list) {
      if (compare(one, best) * sign > 0) {
        best = one;
      }
    }
    return best;
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // both are of the class that was just looked at
  private static int compare(Object one, Object other) {
    if (one instanceof Number first && other instanceof Number second) {
      return first instanceof Long && second instanceof Long
          ? Long.compare(first.longValue(), second.longValue())
          : Double.compare(first.doubleValue(), second.doubleValue());
    }
    if (one instanceof Comparable first && one.getClass() == other.getClass()) {
      return first.compareTo(other);
    }
    throw new IllegalArgumentException("no such overload");
  }

  private static List<Object> find(String text, String pattern, long most) {
    List<Object> found = new ArrayList<>();
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    while ((most < 0 || found.size() < most) && matcher.find()) {
      found.add(matcher.group());
    }
    return found;
  }
}
