// Backups, taken and put back.
import Testing
