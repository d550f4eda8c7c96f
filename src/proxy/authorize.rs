//! May they: each question answered by a rule of the file, a remembered answer or a SubjectAccessReview.
