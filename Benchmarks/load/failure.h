// What can go wrong with a connection, as it is reported.
#pragma once

enum failure { FAILED_CONNECT, FAILED_TLS, FAILED_UPGRADE, FAILED_PROTOCOL, FAILED_MISMATCH, FAILED_LOST, FAILURES };
