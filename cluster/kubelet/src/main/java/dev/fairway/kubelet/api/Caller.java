// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/// Who a client certificate says is calling.
record Caller(String name, Set<String> groups) {
  private static final String ADMINISTRATORS = "system:masters";
  private static final String API_SERVER = "kube-apiserver-kubelet-client";

  /// @param subject in the form of RFC 2253, such as `CN=admin,O=system:masters`
  static Caller of(String subject) {
    String name = "";
    Set<String> groups = new HashSet<>();
    try {
      for (Rdn part : new LdapName(subject).getRdns()) {
        // One part may hold several values: O=a+O=b.
        for (Attribute attribute : Collections.list(part.toAttributes().getAll())) {
          for (Object value : Collections.list(attribute.getAll())) {
            if (attribute.getID().equalsIgnoreCase("CN")) {
              name = String.valueOf(value);
            } else if (attribute.getID().equalsIgnoreCase("O")) {
              groups.add(String.valueOf(value));
            }
          }
        }
      }
    } catch (NamingException e) {
      return new Caller("", Set.of());
    }
    return new Caller(name, Set.copyOf(groups));
  }

  boolean mayUseNode() {
    return groups.contains(ADMINISTRATORS) || name.equals(API_SERVER);
  }
}
